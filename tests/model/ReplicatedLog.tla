--------------------------- MODULE ReplicatedLog ---------------------------
(***************************************************************************)
(* The basic protocol of bulletin/core/raft: elections, appending,         *)
(* committing, truncation on conflict, and restarts that lose what was not *)
(* synced.  Left out are pre-vote, check-quorum and stickiness (they only  *)
(* hold back steps that are possible here), ReadIndex, and the snapshots.  *)
(*                                                                         *)
(* The disk is a part of it: what a server works with (term, vote, log) is *)
(* in memory; Write hands an image of it to the disk, Sync makes the       *)
(* oldest image durable, and a crash forgets the others.                   *)
(*                                                                         *)
(* There is no network.  A message is a fact that was stated once and can  *)
(* be heard at any later time, any number of times, or never:              *)
(*   asks   a candidate asked for votes, and said how its log ends         *)
(*   votes  a vote was given, and is durable                               *)
(*   acks   a follower has, durably, the leader's log up to an index       *)
(*   led    the log of a term's leader: whatever it may have sent, since   *)
(*          it only ever appends to it; and how far it has committed       *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS Server, Nobody

VARIABLES
    term, vote, role, log, commit,    \* in memory, by server
    held,                             \* a request for votes that waits for the disk: how the log ended
    disk, pending,                    \* what is durable; the images on their way there
    asks, votes, acks, led            \* what was said

memory == <<term, vote, role, log, commit, held>>
storage == <<disk, pending>>
said == <<asks, votes, acks, led>>
vars == <<memory, storage, said>>

(* An entry is the term of its making, and who made it. *)
NoLog == << >>
LastTerm(entries) == IF entries = NoLog THEN 0 ELSE entries[Len(entries)].term
TermAt(entries, i) == IF i \in 1..Len(entries) THEN entries[i].term ELSE 0
UpTo(entries, i) == SubSeq(entries, 1, i)
Least(a, b) == IF a < b THEN a ELSE b
IsMajority(servers) == 2 * Cardinality(servers) > Cardinality(Server)

Image(s) == [term |-> term[s], vote |-> vote[s], log |-> log[s]]
LatestImage(s) == IF pending[s] = << >> THEN disk[s] ELSE pending[s][Len(pending[s])]

(* Up to which index the disk holds what is in memory. *)
Synced(s) ==
    LET both == Least(Len(log[s]), Len(disk[s].log))
    IN CHOOSE i \in 0..both :
        /\ i = both \/ log[s][i + 1] # disk[s].log[i + 1]
        /\ UpTo(log[s], i) = UpTo(disk[s].log, i)

(* How far a follower may say that it has the log. *)
Sayable(s) == Synced(s)

(* Whether term and vote are durable: nothing that reflects them is said before. *)
HardSynced(s) == disk[s].term = term[s] /\ disk[s].vote = vote[s]

(* What follower s can check of the leader's log: that the entry at i is of the same term. *)
Meets(s, i) ==
    /\ i <= Len(log[s])
    /\ i <= Len(led[term[s]].log)
    /\ TermAt(log[s], i) = TermAt(led[term[s]].log, i)

Init ==
    /\ term = [s \in Server |-> 0]
    /\ vote = [s \in Server |-> Nobody]
    /\ role = [s \in Server |-> "follower"]
    /\ log = [s \in Server |-> NoLog]
    /\ commit = [s \in Server |-> 0]
    /\ held = [s \in Server |-> << >>]
    /\ disk = [s \in Server |-> [term |-> 0, vote |-> Nobody, log |-> NoLog]]
    /\ pending = [s \in Server |-> << >>]
    /\ asks = {}
    /\ votes = {}
    /\ acks = {}
    /\ led = [t \in {} |-> 0]

---------------------------------------------------------------------------
(* The disk *)

Write(s) ==
    /\ Image(s) # LatestImage(s)
    /\ pending' = [pending EXCEPT ![s] = Append(@, Image(s))]
    /\ UNCHANGED <<memory, disk, said>>

Sync(s) ==
    /\ pending[s] # << >>
    /\ disk' = [disk EXCEPT ![s] = Head(pending[s])]
    /\ pending' = [pending EXCEPT ![s] = Tail(@)]
    /\ UNCHANGED <<memory, said>>

(* A server starts on what is durable.  It knows that what its tables hold is committed: up to some index. *)
Restart(s, known) ==
    /\ known <= commit[s]
    /\ known <= Synced(s)
    /\ term' = [term EXCEPT ![s] = disk[s].term]
    /\ vote' = [vote EXCEPT ![s] = disk[s].vote]
    /\ log' = [log EXCEPT ![s] = disk[s].log]
    /\ role' = [role EXCEPT ![s] = "follower"]
    /\ commit' = [commit EXCEPT ![s] = known]
    /\ held' = [held EXCEPT ![s] = << >>]
    /\ pending' = [pending EXCEPT ![s] = << >>]
    /\ UNCHANGED <<disk, said>>

---------------------------------------------------------------------------
(* Elections *)

(* A server hears of a later term; whatever says so was said when that term was durable at its sender. *)
Learn(s, t) ==
    /\ t > term[s]
    /\ \E other \in Server : disk[other].term >= t
    /\ term' = [term EXCEPT ![s] = t]
    /\ vote' = [vote EXCEPT ![s] = Nobody]
    /\ role' = [role EXCEPT ![s] = "follower"]
    /\ held' = [held EXCEPT ![s] = << >>]
    /\ UNCHANGED <<log, commit, storage, said>>

StepDown(s) ==
    /\ role[s] # "follower"
    /\ role' = [role EXCEPT ![s] = "follower"]
    /\ UNCHANGED <<term, vote, log, commit, held, storage, said>>

Campaign(s) ==
    /\ term' = [term EXCEPT ![s] = @ + 1]
    /\ vote' = [vote EXCEPT ![s] = s]
    /\ role' = [role EXCEPT ![s] = "candidate"]
    /\ held' = [held EXCEPT ![s] = <<Len(log[s]), LastTerm(log[s])>>]
    /\ UNCHANGED <<log, commit, storage, said>>

(* The request may leave as late as when there is a leader already, whose entries this server has taken since. *)
Ask(s) ==
    /\ held[s] # << >>
    /\ HardSynced(s)
    /\ asks' = asks \cup {[term |-> term[s], by |-> s, last |-> held[s][1], lastTerm |-> held[s][2]]}
    /\ held' = [held EXCEPT ![s] = << >>]
    /\ UNCHANGED <<term, vote, role, log, commit, storage, votes, acks, led>>

Grant(s, candidate) ==
    /\ role[s] = "follower"
    /\ vote[s] = Nobody
    /\ \E ask \in asks :
        /\ ask.term = term[s]
        /\ ask.by = candidate
        /\ \/ ask.lastTerm > LastTerm(log[s])
           \/ ask.lastTerm = LastTerm(log[s]) /\ ask.last >= Len(log[s])
    /\ vote' = [vote EXCEPT ![s] = candidate]
    /\ UNCHANGED <<term, role, log, commit, held, storage, said>>

(* A vote is given; one's own is, too, once it is durable. *)
GiveVote(s) ==
    /\ vote[s] # Nobody
    /\ HardSynced(s)
    /\ votes' = votes \cup {[term |-> term[s], by |-> s, to |-> vote[s]]}
    /\ UNCHANGED <<memory, storage, asks, acks, led>>

(* A leader begins with an entry of its own term. *)
BecomeLeader(s) ==
    LET t == term[s]
        entries == Append(log[s], [term |-> t, by |-> s])
        others == IF t \in DOMAIN led THEN led[t].leaders ELSE {}
    IN  /\ role[s] = "candidate"
        /\ HardSynced(s)
        /\ IsMajority({s} \cup {v.by : v \in {v \in votes : v.term = t /\ v.to = s}})
        /\ role' = [role EXCEPT ![s] = "leader"]
        /\ log' = [log EXCEPT ![s] = entries]
        /\ led' = [x \in DOMAIN led \cup {t} |->
                    IF x = t THEN [leaders |-> others \cup {s}, log |-> entries, commit |-> commit[s]]
                             ELSE led[x]]
        /\ UNCHANGED <<term, vote, commit, held, storage, asks, votes, acks>>

---------------------------------------------------------------------------
(* Replication *)

AppendOwn(s) ==
    /\ role[s] = "leader"
    /\ log' = [log EXCEPT ![s] = Append(@, [term |-> term[s], by |-> s])]
    /\ led' = [led EXCEPT ![term[s]].log = log'[s]]
    /\ UNCHANGED <<term, vote, role, commit, held, storage, asks, votes, acks>>

(* A follower takes the leader's entry i, and drops its own from there on if, and only if, it is another one. *)
Accept(s, i) ==
    /\ role[s] # "leader"
    /\ term[s] \in DOMAIN led
    /\ i \in 1..Len(led[term[s]].log)
    /\ Meets(s, i - 1)
    /\ TermAt(log[s], i) # led[term[s]].log[i].term
    /\ log' = [log EXCEPT ![s] = Append(UpTo(@, i - 1), led[term[s]].log[i])]
    /\ role' = [role EXCEPT ![s] = "follower"]
    /\ UNCHANGED <<term, vote, commit, held, storage, said>>

(* A follower acknowledges what is durable, and is as the leader has it. *)
Acknowledge(s, i) ==
    /\ role[s] # "leader"
    /\ term[s] \in DOMAIN led
    /\ disk[s].term = term[s]
    /\ i <= Sayable(s)
    /\ Meets(s, i)
    /\ acks' = {a \in acks : a.term # term[s] \/ a.by # s \/ a.last > i}
                \cup (IF \E a \in acks : a.term = term[s] /\ a.by = s /\ a.last > i
                      THEN {} ELSE {[term |-> term[s], by |-> s, last |-> i]})
    /\ UNCHANGED <<memory, storage, asks, votes, led>>

(* A leader commits what a majority has, its own disk counted like any other, if it is of its own term. *)
LeaderCommit(s, i) ==
    LET t == term[s]
        have == {a.by : a \in {a \in acks : a.term = t /\ a.last >= i}}
    IN  /\ role[s] = "leader"
        /\ i \in (commit[s] + 1)..Len(log[s])
        /\ IsMajority(have \cup (IF Synced(s) >= i THEN {s} ELSE {}))
        /\ log[s][i].term = t
        /\ commit' = [commit EXCEPT ![s] = i]
        /\ led' = [led EXCEPT ![t].commit = i]
        /\ UNCHANGED <<term, vote, role, log, held, storage, asks, votes, acks>>

(* A follower hears how far the leader has committed, and believes it as far as it knows the logs to be equal. *)
FollowCommit(s, i) ==
    /\ role[s] # "leader"
    /\ term[s] \in DOMAIN led
    /\ i > commit[s]
    /\ i <= led[term[s]].commit
    /\ Meets(s, i)
    /\ commit' = [commit EXCEPT ![s] = i]
    /\ UNCHANGED <<term, vote, role, log, held, storage, said>>

---------------------------------------------------------------------------

Next == \E s \in Server :
    \/ Write(s)
    \/ Sync(s)
    \/ \E known \in 0..commit[s] : Restart(s, known)
    \/ \E other \in Server : \E t \in 1..disk[other].term : Learn(s, t)
    \/ StepDown(s)
    \/ Campaign(s)
    \/ Ask(s)
    \/ \E candidate \in Server : Grant(s, candidate)
    \/ GiveVote(s)
    \/ BecomeLeader(s)
    \/ AppendOwn(s)
    \/ term[s] \in DOMAIN led /\ \E i \in 1..Len(led[term[s]].log) :
        Accept(s, i) \/ Acknowledge(s, i) \/ FollowCommit(s, i)
    \/ \E i \in 1..Len(log[s]) : LeaderCommit(s, i)

Spec == Init /\ [][Next]_vars

---------------------------------------------------------------------------
(* What must hold *)

OneLeaderPerTerm == \A t \in DOMAIN led : Cardinality(led[t].leaders) = 1

Logs == {log[s] : s \in Server} \cup {disk[s].log : s \in Server} \cup {led[t].log : t \in DOMAIN led}

LogMatching == \A a, b \in Logs : \A i \in 1..Least(Len(a), Len(b)) :
    a[i].term = b[i].term => UpTo(a, i) = UpTo(b, i)

(* What a leader has committed is in the log of every later one. *)
LeaderCompleteness == \A t, later \in DOMAIN led :
    t < later => /\ led[t].commit <= Len(led[later].log)
                 /\ UpTo(led[t].log, led[t].commit) = UpTo(led[later].log, led[t].commit)

(* What is committed is on the disks of a majority, from then on. *)
CommittedIsDurable == \A t \in DOMAIN led :
    IsMajority({s \in Server : /\ led[t].commit <= Len(disk[s].log)
                               /\ UpTo(disk[s].log, led[t].commit) = UpTo(led[t].log, led[t].commit)})

(* Looking ahead: with the disks as they are, nobody without what is committed could be elected. *)
NoRivalCouldWin == \A t \in DOMAIN led : \A s \in Server :
    LET without == \/ led[t].commit > Len(disk[s].log)
                   \/ UpTo(disk[s].log, led[t].commit) # UpTo(led[t].log, led[t].commit)
        for == {v \in Server : \/ LastTerm(disk[s].log) > LastTerm(disk[v].log)
                               \/ /\ LastTerm(disk[s].log) = LastTerm(disk[v].log)
                                  /\ Len(disk[s].log) >= Len(disk[v].log)}
    IN without => ~ IsMajority(for)

(* What a server believes to be committed, some leader has committed. *)
CommitIsTrue == \A s \in Server : commit[s] > 0 =>
    /\ commit[s] <= Len(log[s])
    /\ \E t \in DOMAIN led : /\ commit[s] <= led[t].commit
                             /\ UpTo(log[s], commit[s]) = UpTo(led[t].log, commit[s])

(* Nothing that a disk had promised is taken back. *)
DiskKeepsItsWord == [][\A s \in Server :
    /\ disk'[s].term >= disk[s].term
    /\ disk'[s].term = disk[s].term => disk[s].vote \in {Nobody, disk'[s].vote}]_vars

=============================================================================
