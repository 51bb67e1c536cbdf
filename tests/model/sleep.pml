/* Sleeping readers: no committed record stays unseen by a reader that sleeps for good, wherever publishers die.
 *
 * One shared word sleep = (tickets, woken) and one futex word wake_seq.
 * Reader at position c: v = wake_seq; tickets++; scan the publishers' intents; then look at the slot and the tail again.
 * If the slot is resolved or claimed, or an intent >= c stands, it only naps (a bounded wait); else it waits for
 * wake_seq to differ from v, unbounded.
 * Publisher: intent; claim; payload; x = sleep, if x.tickets != x.woken: wake_seq++, futex_wake all, then CAS sleep
 * x -> (tickets, tickets); commit; the same check once more; clear the intent.
 * Up to CRASHES publishers die between any two steps; some time later their line is cleared, and nobody is woken for it.
 *
 * The order "intents first, slot second" in the reader matters: see BUG_SLOT_FIRST.
 *
 * Checked: when no publisher is left, no reader sleeps unbounded at or before a committed record.
 *
 * Mutants, each must fail:
 *   BUG_WAKE_AFTER    wakes only after the commit
 *   BUG_CLEAR_FIRST   tickets marked as woken before futex_wake
 *   BUG_NO_NAP        the reader does not look at the intents
 *   BUG_SLOT_FIRST    the reader looks at the slot, then at the intents: in between a publisher commits, dies before its
 *                     second check, and its line is cleared
 *   BUG_EARLY_CLEAR   intent cleared before the commit
 *   BUG_UNFENCED      intent becomes visible after the publisher's (first) look at sleep: what a plain store is on x86 when
 *                     no locked instruction stands between them. The claim's CAS is one; one writer has no claim.
 *   BUG_FIRST_ONLY    a batch of two: the reader compares only the first sequence of an intent, not its last
 *                     (needs BATCH=2)
 */
#ifndef P
#define P 2
#endif
#ifndef R
#define R 1
#endif
#ifndef BATCH
#define BATCH 1         /* records per claim; one look at sleep before the first commit, one after the last */
#endif
#ifndef MAXT
#define MAXT (P * BATCH)
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef TICKETS
#define TICKETS 4       /* bound on tickets: a reader that would need more leaves */
#endif
#define NONE 255
#define COMMITTED 1
#define VOIDED 2

byte tail;
byte fate[MAXT];
byte intent[P];         /* first sequence of the claim; it covers BATCH sequences */
byte tickets, woken;    /* one word */
byte wake_seq;
bit asleep[R];          /* in the kernel, in an unbounded wait */
byte cursor[R];
bit dead[P];
byte crashes = CRASHES;
byte publishers_left = P;

inline futex_wake() {
  d_step {
    asleep[0] = 0;
#if R > 1
    asleep[1] = 0
#endif
  }
}

inline look_at_sleep() {
  atomic { x = tickets; y = woken };
  if
  :: x != y ->
#ifdef BUG_CLEAR_FIRST
    atomic { if :: tickets == x && woken == y -> woken = x :: else fi };
    wake_seq++;
    futex_wake()
#else
    wake_seq++;
    futex_wake();
    atomic { if :: tickets == x && woken == y -> woken = x :: else fi }
#endif
  :: else
  fi;
  x = 0; y = 0
}

proctype publisher(byte me) {
  byte t, x, y, i;
  bit ok;
  {
    do
    :: atomic { tail + BATCH <= MAXT -> t = tail };
#ifndef BUG_UNFENCED
      intent[me] = t;
#endif
      atomic { if :: tail == t -> tail = tail + BATCH; ok = 1 :: else -> ok = 0 fi };
      if
      :: !ok -> skip
      :: ok ->
#ifndef BUG_WAKE_AFTER
        look_at_sleep();
#endif
#ifdef BUG_UNFENCED
        intent[me] = t;
#endif
#ifdef BUG_EARLY_CLEAR
        intent[me] = NONE;
#endif
        do
        :: i < BATCH -> atomic { if :: fate[t + i] == 0 -> fate[t + i] = COMMITTED :: else fi; i++ }
        :: else -> i = 0; break
        od;
        look_at_sleep()
      fi;
      atomic { intent[me] = NONE; ok = 0; t = 0 }
    :: tail + BATCH > MAXT -> break
    od
  } unless { dead[me] };
  intent[me] = NONE;            /* dead: by whoever proves it */
  publishers_left--
}

/* Deaths: a dead publisher takes no further step but the clearing of its line, which may come much later. */
proctype killer() {
end:
  do
  :: atomic { crashes > 0 -> crashes--; if :: dead[0] = 1 :: dead[P - 1] = 1 fi }
  :: publishers_left == 0 -> break
  od
}

inline scan_intents() {
#ifndef BUG_NO_NAP
  q = 0;
  do
  :: q < P ->
    d_step {
#ifdef BUG_FIRST_ONLY
      if :: intent[q] != NONE && intent[q] >= cursor[me] -> nap = 1 :: else fi;
#else
      if :: intent[q] != NONE && intent[q] + BATCH > cursor[me] -> nap = 1 :: else fi;
#endif
      q++
    }
  :: else -> q = 0; break
  od
#else
  skip
#endif
}

/* Claimed but uncommitted also means: only a bounded wait. */
#define MUST_LOOK (cursor[me] < tail || fate[cursor[me]] != 0)

proctype reader(byte me) {
  byte v, q;
  bit nap, look;
  do
  :: cursor[me] >= MAXT -> break
  :: else ->
    if
    :: atomic { fate[cursor[me]] != 0 -> cursor[me] = cursor[me] + 1 }
    :: atomic { cursor[me] < tail && fate[cursor[me]] == 0 -> fate[cursor[me]] = VOIDED }     /* after the bound */
    :: fate[cursor[me]] == 0 ->
      v = wake_seq;
      atomic { if :: tickets == TICKETS -> goto gone :: else -> tickets++ fi };
#ifdef BUG_SLOT_FIRST
      look = MUST_LOOK;
      scan_intents();
#else
      scan_intents();
      look = MUST_LOOK;
#endif
      if
      :: nap || look -> skip                                                 /* bounded */
      :: else ->
        atomic { if :: wake_seq == v -> asleep[me] = 1 :: else fi };         /* the kernel compares, then queues */
end_asleep: !asleep[me]                          /* the judge says whether it may sleep for good */
      fi;
      atomic { v = 0; nap = 0; look = 0 }
    fi
  od;
gone:
  skip
}

#define STRANDED(r, s) (asleep[r] && cursor[r] <= s && fate[s] == COMMITTED)

proctype judge() {
  byte r, s;
  atomic {
    publishers_left == 0;
    for (r : 0 .. R - 1) { for (s : 0 .. MAXT - 1) { assert(!STRANDED(r, s)); } }
  }
}

init {
  byte i;
  atomic {
    for (i : 0 .. P - 1) { intent[i] = NONE; }
    for (i : 0 .. P - 1) { run publisher(i); }
    for (i : 0 .. R - 1) { run reader(i); }
    run killer();
    run judge();
    i = 0
  }
}
