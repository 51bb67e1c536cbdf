/* Slot ring with many writers: claim, quarantine, commit by plain store, void by verdict, death and reuse of lines.
 *
 * What may happen at any moment: a reader voids any claimed, uncommitted sequence (it waits no bound here, so a paused
 * publisher is one that is not scheduled) and stops between any two steps; up to CRASHES publishers die between any two steps
 * (their stores still drain) and some time later, or never, the line is cleared and used by a new publisher.
 *
 * Checked by assertions (P1-P5 of ipc/DESIGN.md):
 *   - a delivered record is whole and is the one of its sequence;
 *   - seen[]: all readers and the publisher agree on the fate of each sequence. So what was published is not void for anybody,
 *     and what was lost, and is published again, was delivered to nobody;
 *   - CLAIM=2: the items of one publisher are delivered in their order, each once;
 *   - and by the absence of invalid end states: nobody blocks before all MAXT sequences are resolved.
 *
 * Scope (-D): N slots, P publishers, R readers, MAXT sequences, CRASHES deaths, CLAIM sequences per claim.
 * -DUNGATED: publishers wait for nobody; a reader copies, then looks at the claim frontier before it believes the copy.
 * -DRETRY_IN_CLAIM, with CLAIM=2: after a loss the same item goes into the next sequence of the claim. Holds as well: that
 * the rest of the claim is voided is not needed, as long as a publisher learns each verdict before it writes on.
 *
 * Mutants, each must fail (in parentheses what it needs besides N=1 MAXT=3):
 *   BUG_RUN_GAP            the run counts only laps with a verdict (UNGATED): a claim of a dead publisher, lapped before
 *                          anybody contested it, cuts it, and an older loser believes that it published
 *   BUG_NO_HEAVY_FENCE     the voider looks at the slot word without it
 *   BUG_HORIZON_LATE       horizon raised after the look at the slot word
 *   BUG_NO_CONTEST         void at once
 *   BUG_READER_IGNORES_V   a reader delivers whatever is committed
 *   BUG_READER_WORD_LAST   a reader loads horizon and verdict before the slot word (R=2)
 *   BUG_DELIVER_CONTESTED  a reader (say, a read-only one) delivers a committed, contested record without settling it: whoever
 *                          looked at the slot word before its store may still void it (R=2)
 *   BUG_PUBLISHER_NO_LOOK  every store counts as published
 *   BUG_NO_QUARANTINE
 *   BUG_EXACT_LAP          quarantine compares the intent with t - N only
 *   BUG_LOST_IS_CLEAN      a claimant takes a slot word of the lap before for a free slot although that lap was voided
 *   BUG_CLAIMANT_WORD_LAST a claimant loads horizon before the slot word (UNGATED)
 *   BUG_EARLY_CLEAR        intent cleared before the slot word is stored
 *   BUG_LATE_INTENT        intent stored after the claim's CAS; it may stay in the buffer during the look at the slot
 *   BUG_REAP_ALIVE         a line is cleared without proof of death
 *   BUG_NO_RUN_KEPT, BUG_NO_RUN_LOST   a verdict of a later lap always means published, or always lost
 *   BUG_OVERWRITE_CONTESTED   a contested verdict of an earlier lap is replaced unsettled (UNGATED)
 *   BUG_SETTLE_EXACT       a slot word of a later lap settles as void (UNGATED, R=2)
 *   BUG_OWN_WORD           an overrun reader looks at the slot's own word again instead of the frontier (UNGATED)
 *   BUG_KEEP_REST          after a loss the next item goes into the rest of the claim (N=2 CLAIM=2 MAXT=4)
 */
#ifndef N
#define N 2
#endif
#ifndef P
#define P 2
#endif
#ifndef R
#define R 1
#endif
#ifndef MAXT
#define MAXT 4
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef CLAIM
#define CLAIM 1
#endif
#ifndef BUFFER
#define BUFFER 3        /* entries of a store buffer */
#endif
#ifndef RUNMAX
#define RUNMAX 3
#endif

#if R == 1
#define GATE cursor[0]
#else
#define GATE (cursor[0] < cursor[1] -> cursor[0] : cursor[1])
#endif
#ifdef UNGATED
#define MAY_CLAIM true
#else
#define MAY_CLAIM (tail + CLAIM <= GATE + N)
#endif

#include "slot.pml"

proctype publisher(byte me) {
  byte t, end, e, x, y, k = 1;
  bit lost;
claim:
  if
  :: atomic { tail + CLAIM <= MAXT && MAY_CLAIM && DRAINED -> t = tail;
#ifndef BUG_LATE_INTENT
     intent[me] = CLAIMED(t, CLAIM)
#endif
     }
  :: atomic { tail + CLAIM > MAXT -> goto out }
  OR_DIE
  fi;
  if
  :: atomic { DRAINED ->
       if
       :: tail == t -> tail = tail + CLAIM; end = t + CLAIM
       :: else -> t = 0; goto claim
       fi }
  OR_DIE
  fi;
#ifdef BUG_LATE_INTENT
  if :: atomic { buffer[me] ! INTENT, CLAIMED(t, CLAIM) } OR_DIE fi;
#endif
look:
  use_claim();
done:
  if
  :: atomic { nfull(buffer[me]) -> buffer[me] ! INTENT, NONE; t = 0; end = 0; lost = 0; goto claim }
  OR_DIE
  fi;
died:                                           /* what is in the buffer still drains */
  atomic { t = 0; end = 0; e = 0; x = 0; y = 0; lost = 0 };
  if
  :: atomic { DRAINED -> intent[me] = NONE; k++; goto claim }   /* proof of death, another publisher takes the line */
  :: skip                                       /* nobody ever takes it */
  fi;
out:
  atomic { k = 0 }
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
