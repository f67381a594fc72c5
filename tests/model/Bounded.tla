------------------------------ MODULE Bounded ------------------------------
(***************************************************************************)
(* ReplicatedLog with so few terms and entries that all of its states can  *)
(* be looked at, and with fewer orders of its steps, without a loss:       *)
(*                                                                         *)
(* - What can be said is said at once, and what can be committed, or known *)
(*   to be, is so at once.  Neither ever makes another step impossible; a  *)
(*   fact may be heard as late as one likes, and no invariant speaks of    *)
(*   what was said.                                                        *)
(* - What nobody can use any more is forgotten: requests and votes of a    *)
(*   term in which their candidate is none any more, acknowledgements to   *)
(*   one that leads no longer.  Such requests are granted to nobody: that  *)
(*   makes nothing possible either.                                        *)
(* - Nobody steps down in its term: that makes nothing possible, since it  *)
(*   may campaign, and lose all that is not synced, as it is.              *)
(*                                                                         *)
(* With Late = FALSE a write takes no time (the disk still loses what is   *)
(* not synced), and term and vote are synced at once, with the log as it   *)
(* is: what is done in a term that is not durable, nobody else can see.    *)
(*                                                                         *)
(* First and Second are Nobody, or the only servers that campaign, in odd  *)
(* and in even terms: with fewer rivals there can be more terms; and more  *)
(* still with Crashes = FALSE.  Both are for errors that need many.        *)
(***************************************************************************)
EXTENDS ReplicatedLog, TLC

CONSTANTS TermMax, LogMax, Late, Crashes, First, Second

Alike == Permutations(Server)

Stands(s, t) == role[s] = "candidate" /\ term[s] = t

CanVote(s) ==
    /\ vote[s] \notin {Nobody, s}
    /\ HardSynced(s)
    /\ Stands(vote[s], term[s])
    /\ [term |-> term[s], by |-> s, to |-> vote[s]] \notin votes

CanAsk(s) == held[s] # << >> /\ HardSynced(s) /\ Stands(s, term[s])

(* The highest index that can be acknowledged, or 0. *)
Acknowledgeable(s) ==
    LET here == {i \in 1..Sayable(s) : Meets(s, i)} IN
    IF here = {} THEN 0 ELSE CHOOSE i \in here : \A j \in here : j <= i

CanAcknowledge(s) ==
    /\ role[s] # "leader"
    /\ \E leader \in Server : role[leader] = "leader" /\ term[leader] = term[s]
    /\ disk[s].term = term[s]
    /\ Acknowledgeable(s) > 0
    /\ ~ \E a \in acks : a.term = term[s] /\ a.by = s /\ a.last >= Acknowledgeable(s)

WriteAndSync(s) ==
    /\ Image(s) # disk[s]
    /\ disk' = [disk EXCEPT ![s] = Image(s)]
    /\ UNCHANGED <<memory, pending, said>>

UsefulAsks == {a \in asks : Stands(a.by, a.term)}
UsefulVotes == {v \in votes : Stands(v.to, v.term)}
UsefulAcks == {a \in acks : \E s \in Server : role[s] = "leader" /\ term[s] = a.term}

Forget ==
    /\ asks' = UsefulAsks
    /\ votes' = UsefulVotes
    /\ acks' = UsefulAcks
    /\ UNCHANGED <<memory, storage, led>>

(* What is done as soon as it can be, and whether it can. *)
CanFollow(s, i) ==
    role[s] # "leader" /\ term[s] \in DOMAIN led /\ i > commit[s] /\ i <= led[term[s]].commit /\ Meets(s, i)

Eager(s) ==
    \/ ~ Late /\ ~ HardSynced(s)
    \/ CanVote(s) \/ CanAsk(s) \/ CanAcknowledge(s)
    \/ \E i \in commit[s] + 1..Len(log[s]) : CanFollow(s, i) \/ ENABLED LeaderCommit(s, i)

Hurry(s) ==
    IF ~ Late /\ ~ HardSynced(s) THEN WriteAndSync(s)
    ELSE IF CanVote(s) THEN GiveVote(s)
    ELSE IF CanAsk(s) THEN Ask(s)
    ELSE IF CanAcknowledge(s) THEN Acknowledge(s, Acknowledgeable(s))
    ELSE \E i \in commit[s] + 1..Len(log[s]) : LeaderCommit(s, i) \/ FollowCommit(s, i)

MayCampaign(s) ==
    /\ term[s] < TermMax
    /\ First = Nobody \/ s = IF term[s] % 2 = 0 THEN First ELSE Second

Do(s) ==
    \/ IF Late THEN (pending[s] = << >> /\ Write(s)) \/ Sync(s) ELSE WriteAndSync(s)
    \/ Crashes /\ Restart(s, Least(commit[s], Synced(s)))
    \/ \E t \in 1..TermMax : Learn(s, t)
    \/ MayCampaign(s) /\ Campaign(s)
    \/ \E candidate \in Server : Grant(s, candidate)
    \/ Len(log[s]) < LogMax /\ BecomeLeader(s)
    \/ Len(log[s]) < LogMax /\ AppendOwn(s)
    \/ term[s] \in DOMAIN led /\ \E i \in 1..Len(led[term[s]].log) : Accept(s, i)

(* Of those in a hurry the order makes no difference. *)
BoundedNext ==
    LET eager == {s \in Server : Eager(s)} IN
    IF <<asks, votes, acks>> # <<UsefulAsks, UsefulVotes, UsefulAcks>> THEN Forget
    ELSE IF eager # {} THEN Hurry(CHOOSE s \in eager : TRUE)
    ELSE \E s \in Server : Do(s)

BoundedSpec == Init /\ [][BoundedNext]_vars
=============================================================================
