/* Sleeping readers: nobody sleeps for good beside a committed record, wherever publishers die. ipc/waiter.hpp has the protocol.
 *
 * One shared word sleep = (tickets, woken), one futex word (bumped[r]: whether it has changed since reader r loaded it), and
 * an intent per publisher: (first, count) while it is inside a publish, 0 otherwise.
 * Publisher: intent busy; look at sleep, and if tickets != woken: bump the futex word, FUTEX_WAKE, CAS sleep to (tickets,
 * tickets); write and commit BATCH records; look at sleep again; intent not busy. Many writers (the default): each publish
 * claims, by a CAS on tail. -DONE_WRITER: claims STRIDE sequences ahead and uses them up in several publishes, which have no
 * locked instruction then; a successor (after a death; with P=2 also by force, from a live owner) claims behind and voids what
 * is not committed before.
 * Reader at position c, after a poll that found nothing: loads the futex word; tickets++; heavy fence; scans the intents; looks
 * at the slot and (many writers) at tail. A busy intent that ends behind c, or something in the slot, or c claimed: only a
 * nap, which is bounded, so that it polls again. Otherwise FUTEX_WAIT, which lasts until it is woken.
 *
 * x86-TSO: a publisher's plain stores (intent, slot word) go through a store buffer that drains in order at any time; its
 * loads do not wait for it, its locked instructions do (DRAINED). The light fence keeps the compiler from moving a load before
 * a store and is nothing else here. The heavy fence drains the buffers one after the other. A reader stores by locked
 * instructions only.
 *
 * Up to CRASHES publishers die between any two steps: what they stored drains, and some time later, or never, their line is
 * cleared and nobody is woken for that; then a new publisher may take the line.
 * To void is one step here: fence, then void unless the word is there. ring.pml and lease.pml have the steps.
 *
 * Checked: when no publisher is left and all buffers are empty, no reader is in FUTEX_WAIT at or before a committed record.
 *
 * Not needed for that, as runs show that hold without it:
 *   ONE_LOOK          the look at sleep after the commit: it only ends naps early
 *   many writers      hold with BUG_NO_NAP, BUG_UNFENCED and BUG_FIRST_ONLY together: a reader that sleeps has seen tail <= c
 *                     after it drew its ticket, so whoever claims c does so by a CAS behind the ticket, and looks at sleep
 *                     behind the CAS
 *
 * Mutants, each must fail (ONE_WRITER, P=1; those marked 0 with CRASHES=0 as well):
 *   BUG_WAKE_AFTER    wakes only after the commit
 *   BUG_CLEAR_FIRST   tickets marked as woken before FUTEX_WAKE
 *   BUG_NO_BUMP     0 FUTEX_WAKE alone, the futex word stays
 *   BUG_LATE_VALUE  0 the reader loads the futex word after it drew its ticket
 *   BUG_NO_NAP        the reader does not look at the intents
 *   BUG_SLOT_FIRST    the reader looks at the slot, then at the intents: in between a publisher commits, dies before its
 *                     second look, and its line is cleared
 *   BUG_FIRST_ONLY    the reader compares only the first sequence of an intent (BATCH=2)
 *   BUG_EARLY_CLEAR   intent cleared before the commit
 *   BUG_LATE_INTENT   intent stored after the first look: what a compiler may do without the light fence
 *   BUG_BLIND_EXTEND  a batch that goes on in a new stride does not look at sleep behind that claim (BATCH=2, STRIDE=1)
 *   BUG_UNFENCED    0 no heavy fence
 *   BUG_EARLY_FENCE 0 heavy fence before the ticket
 *   BUG_LATE_FENCE    heavy fence between intents and slot
 */
#ifndef P
#define P 1
#endif
#ifndef R
#define R 1
#endif
#ifndef BATCH
#define BATCH 1         /* records per publish */
#endif
#ifndef STRIDE
#define STRIDE 2        /* ONE_WRITER: sequences per claim */
#endif
#ifndef MAXT
#define MAXT 4
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef TICKETS
#define TICKETS 2       /* a reader that would draw one more leaves */
#endif
#ifndef BUFFER
#define BUFFER 3        /* entries of a store buffer */
#endif
#define COMMITTED 1
#define VOIDED 2

byte tail;
byte fate[MAXT];
byte intent[P];
byte lease;             /* ONE_WRITER: line + 1 */
byte tickets, woken;    /* one word */
bit bumped[R];
bit asleep[R];          /* in FUTEX_WAIT, without a bound */
byte cursor[R];
byte crashes = CRASHES;
byte publishers_left = P;
chan buffer[P] = [BUFFER] of { byte };
hidden byte value, p_;

#define COMMIT(s) (s)
#define INTENT(x) (64 + (x))
#define CLAIMED(first, count) ((first) * 4 + (count))
#define IDLE 0
#define FIRST(x) ((x) / 4)
#define END(x) ((x) / 4 + (x) % 4)
#define DRAINED empty(buffer[me])
#define OR_DIE :: atomic { crashes > 0 -> crashes--; goto died }
#if P == 1
#define ALL_DRAINED empty(buffer[0])
#else
#define ALL_DRAINED (empty(buffer[0]) && empty(buffer[1]))
#endif

inline apply(p) {
  buffer[p] ? value;
  if
  :: value >= 64 -> intent[p] = value - 64
  :: value < 64 -> if :: fate[value] == 0 -> fate[value] = COMMITTED :: else fi
  fi;
  value = 0
}

inline drain(p) {
  do
  :: nempty(buffer[p]) -> apply(p)
  :: empty(buffer[p]) -> break
  od
}

proctype memory() {
end:
  do
  :: atomic { nempty(buffer[0]) -> apply(0) }
#if P > 1
  :: atomic { nempty(buffer[1]) -> apply(1) }
#endif
  od
}

inline look_at_sleep() {
  if :: atomic { x = tickets; y = woken } OR_DIE fi;
  if
  :: x != y ->
#ifdef BUG_CLEAR_FIRST
    if :: atomic { DRAINED -> if :: tickets == x && woken == y -> woken = x :: else fi } OR_DIE fi;
#endif
#ifndef BUG_NO_BUMP
    if :: d_step { DRAINED -> bumped[0] = 1;
#if R > 1
      bumped[1] = 1
#endif
      } OR_DIE fi;
#endif
    if :: d_step { asleep[0] = 0;
#if R > 1
      asleep[1] = 0
#endif
      } OR_DIE fi;
#ifndef BUG_CLEAR_FIRST
    if :: atomic { DRAINED -> if :: tickets == x && woken == y -> woken = x :: else fi } OR_DIE fi;
#endif
  :: else
  fi;
  x = 0; y = 0
}

inline set_intent(x) {
  if :: atomic { nfull(buffer[me]) -> buffer[me] ! INTENT(x) } OR_DIE fi
}

/* t .. end - 1: what is left of the claim. left: records of this publish that are still to be written. */
proctype publisher(byte me) {
  byte t, end, left, x, y;
#ifdef ONE_WRITER
  bit fresh, fenced;
take_over:
  if
  :: atomic { DRAINED && tail < MAXT -> lease = me + 1; fresh = 1 }
  :: atomic { tail >= MAXT -> goto out }
  OR_DIE
  fi;
  goto extend;
#endif

publish:
#ifdef ONE_WRITER
  left = BATCH;
  if
  :: t < end ->
#ifndef BUG_LATE_INTENT
    set_intent(CLAIMED(t, end - t));
#endif
#ifndef BUG_WAKE_AFTER
    look_at_sleep();
#endif
#ifdef BUG_LATE_INTENT
    set_intent(CLAIMED(t, end - t));
#endif
#ifdef BUG_EARLY_CLEAR
    set_intent(IDLE);
#endif
    goto write
  :: else
  fi;
extend:
  if
  :: atomic { tail < MAXT && nfull(buffer[me]) -> t = tail; end = (t + STRIDE < MAXT -> t + STRIDE : MAXT);
       if
       :: lease != me + 1 -> t = 0; end = 0; fenced = 1; goto leave
       :: else -> buffer[me] ! INTENT(CLAIMED(t, end - t))
       fi }
  :: atomic { tail >= MAXT -> t = 0; end = 0; fenced = 1; goto leave }
  OR_DIE
  fi;
  if
  :: atomic { DRAINED -> if :: tail == t -> tail = end :: else -> t = 0; end = 0; goto extend fi }
  OR_DIE
  fi;
  if
  :: fresh ->                                     /* what lies below the claim and is not committed is void */
    if
    :: d_step { fresh = 0; drain(0);
#if P > 1
         drain(1);
#endif
         p_ = 0;
         do
         :: p_ < t -> if :: fate[p_] == 0 -> fate[p_] = VOIDED :: else fi; p_++
         :: else -> p_ = 0; break
         od }
    OR_DIE
    fi
  :: else
  fi;
#ifdef BUG_BLIND_EXTEND
  if :: left == 0 || left == BATCH -> look_at_sleep() :: else fi;
#elif !defined(BUG_WAKE_AFTER)
  look_at_sleep();
#endif
write:
  if :: left == 0 -> goto leave :: left > 0 && t == end -> goto extend :: left > 0 && t < end -> left-- fi;
#else
extend:
  if
  :: atomic { tail + BATCH <= MAXT && nfull(buffer[me]) -> t = tail; end = t + BATCH;
       buffer[me] ! INTENT(CLAIMED(t, BATCH)) }
  :: atomic { tail + BATCH > MAXT -> goto out }
  OR_DIE
  fi;
  if
  :: atomic { DRAINED -> if :: tail == t -> tail = end :: else -> t = 0; end = 0; goto extend fi }
  OR_DIE
  fi;
#ifndef BUG_WAKE_AFTER
  look_at_sleep();
#endif
#ifdef BUG_EARLY_CLEAR
  set_intent(IDLE);
#endif
write:
  if :: t == end -> goto leave :: else fi;
#endif
  if
  :: atomic { nfull(buffer[me]) -> buffer[me] ! COMMIT(t) }
  OR_DIE
  fi;
#ifdef ONE_WRITER
  if                                              /* the verdict */
  :: atomic { if :: fate[t] == VOIDED -> t = 0; end = 0; left = 0; fenced = 1 :: else -> t++ fi }
  OR_DIE
  fi;
  if :: fenced -> goto leave :: else -> goto write fi;
#else
  t++; goto write;
#endif

leave:
#ifndef ONE_LOOK
  look_at_sleep();
#endif
  set_intent(IDLE);
#ifdef ONE_WRITER
  if :: fenced -> fenced = 0; left = 0; goto out :: else -> goto publish fi;
#else
  atomic { t = 0; end = 0; goto publish };
#endif

died:
  atomic { t = 0; end = 0; left = 0; x = 0; y = 0;
#ifdef ONE_WRITER
    fresh = 0; fenced = 0
#endif
  };
  if
  :: atomic { DRAINED -> intent[me] = IDLE;       /* by whoever proves the death */
#ifdef ONE_WRITER
       goto take_over
#else
       goto publish
#endif
     }
  :: skip
  fi;
out:
  publishers_left--
}

#ifdef BUG_NO_NAP
#define COVERS(x) false
#elif defined(BUG_FIRST_ONLY)
#define COVERS(x) ((x) != IDLE && FIRST(x) >= cursor[me])
#else
#define COVERS(x) (END(x) > cursor[me])
#endif

inline heavy_fence() {
  d_step { drain(0) };
#if P > 1
  d_step { drain(1) }
#endif
}

inline scan_intents() {
  atomic { if :: COVERS(intent[0]) -> nap = 1 :: else fi };
#if P > 1
  atomic { if :: COVERS(intent[1]) -> nap = 1 :: else fi }
#endif
}

inline look_at_slot() {
  atomic { if :: fate[cursor[me]] != 0 -> nap = 1 :: else fi };
#ifndef ONE_WRITER
  atomic { if :: tail > cursor[me] -> nap = 1 :: else fi }
#endif
}

proctype reader(byte me) {
  bit nap;
  byte s;
poll:
  if
  :: cursor[me] >= MAXT -> goto out
  :: atomic { cursor[me] < MAXT && fate[cursor[me]] != 0 -> cursor[me] = cursor[me] + 1; goto poll }
#ifndef ONE_WRITER
  :: d_step { cursor[me] < tail && fate[cursor[me]] == 0 ->        /* after the bound */
       drain(0);
#if P > 1
       drain(1);
#endif
       if :: fate[cursor[me]] == 0 -> fate[cursor[me]] = VOIDED :: else fi };
     goto poll
#endif
  :: atomic { cursor[me] < MAXT && fate[cursor[me]] == 0 -> bumped[me] = 0 }
  fi;
#ifdef BUG_EARLY_FENCE
  heavy_fence();
#endif
  atomic { if :: tickets == TICKETS -> goto out :: else -> tickets++ fi };
#ifdef BUG_LATE_VALUE
  bumped[me] = 0;
#endif
#if !defined(BUG_UNFENCED) && !defined(BUG_EARLY_FENCE) && !defined(BUG_LATE_FENCE)
  heavy_fence();
#endif
#ifdef BUG_SLOT_FIRST
  look_at_slot();
  scan_intents();
#else
  scan_intents();
#ifdef BUG_LATE_FENCE
  heavy_fence();
#endif
  look_at_slot();
#endif
  if :: nap -> nap = 0; goto poll :: else fi;
  atomic { if :: bumped[me] -> goto poll :: else -> asleep[me] = 1 fi };     /* the kernel compares, then queues */
  if
  :: atomic { !asleep[me] -> goto poll }
  :: atomic { asleep[me] && publishers_left == 0 && ALL_DRAINED ->
       for (s : cursor[me] .. MAXT - 1) { assert(fate[s] != COMMITTED); }
       s = 0 }
  fi;
out:
  skip
}

init {
  byte i;
  atomic {
    for (i : 0 .. P - 1) { run publisher(i); }
    for (i : 0 .. R - 1) { run reader(i); }
    run memory();
    i = 0
  }
}
