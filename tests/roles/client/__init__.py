"""Tests of the client's role."""
