"""What an operator's tools ask a role over HTTP: is it alive, is it ready, what has it counted.

::

    GET /healthz   200            the process's reactor turns
    GET /readyz    200 or 503     `health.Health`, as the role says itself, with a sentence
    GET /metrics   200            `metrics.Sample` values, listed by the role at that moment, in Prometheus's text format
    anything else  404

The port is for operators, but whoever reaches it can do no harm: connections, requests and their bodies are bounded, no
request is logged, and no page is expensive.  Importing `site` chooses no reactor; making a site does.
"""
