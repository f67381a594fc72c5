------------------------------- MODULE Trace -------------------------------
(***************************************************************************)
(* Whether one run of the shipped code is a behaviour of ReplicatedLog.    *)
(*                                                                         *)
(* Steps (of the module Recorded, which the recorder writes) are taken one *)
(* after the other.  Each names an action and its server s; n is the       *)
(* action's index or term, to its candidate.  The last step of what the    *)
(* server did at once also has, in "is", what the server was after it.     *)
(* TLC's depth of search says how far the specification could follow.      *)
(***************************************************************************)
EXTENDS ReplicatedLog, Recorded

VARIABLE at

Taken(step) ==
    LET s == step.s  n == step.n IN
    CASE step.act = "write" -> Write(s)
      [] step.act = "sync" -> Sync(s)
      [] step.act = "restart" -> Restart(s, n)
      [] step.act = "learn" -> Learn(s, n)
      [] step.act = "step down" -> StepDown(s)
      [] step.act = "campaign" -> Campaign(s)
      [] step.act = "ask" -> Ask(s)
      [] step.act = "grant" -> Grant(s, step.to)
      [] step.act = "vote" -> GiveVote(s)
      [] step.act = "lead" -> BecomeLeader(s)
      [] step.act = "append" -> AppendOwn(s)
      [] step.act = "accept" -> Accept(s, n)
      [] step.act = "acknowledge" -> Acknowledge(s, n)
      [] step.act = "commit" -> LeaderCommit(s, n)
      [] step.act = "follow commit" -> FollowCommit(s, n)

Now(s) == <<term[s], vote[s], role[s], Len(log[s]), LastTerm(log[s]), commit[s]>>

TraceInit == Init /\ at = 1

TraceNext ==
    /\ at <= Len(Steps)
    /\ at' = at + 1
    /\ \E step \in {Steps[at]} :    \* bound, so that the prime below does not reach "at"
        /\ Taken(step)
        /\ step.is \in {<< >>, Now(step.s)'}

TraceSpec == TraceInit /\ [][TraceNext]_<<vars, at>>
=============================================================================
