/* One writer: strides, the lease, take-over from a dead owner and by force from a live one.
 *
 * Publisher 0 owns the lease at first. A publisher that does not own it may take it over whenever the owner is dead, and up to
 * FORCED times although it lives. The new owner voids what stands undecided in [S - N, S), S = tail, before it claims; its
 * CAS on tail fails, and it starts over, if somebody claimed since. Readers void nothing; they settle what is contested.
 *
 * Checked: what ring.pml checks, and that the claims are in the order of the leases (no old owner claims behind the new one);
 * no deadlock: whatever an owner leaves behind, readers come to the end while somebody takes over.
 *
 * Scope (-D): N slots, MAXT sequences, CRASHES deaths, FORCED take-overs, strides of up to STRIDE. -DUNGATED as in ring.pml.
 *
 * Mutants, each must fail:
 *   BUG_LEASE_BEFORE_TAIL  the owner loads lease, then tail
 *   BUG_NO_RESOLVE         the new owner voids nothing: its readers wait for a dead owner
 *   BUG_CLAIM_FIRST        the new owner claims, then voids: where the undecided sequences fill the ring, the gate is closed,
 *                          the reader waits for the verdict, and the verdict for the claim
 */
#ifndef N
#define N 2
#endif
#define P 2
#define R 1
#ifndef MAXT
#define MAXT 4
#endif
#ifndef STRIDE
#define STRIDE 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef FORCED
#define FORCED 1        /* take-overs from a live owner; from a dead one as often as it takes */
#endif
#define BUFFER 3
#define RUNMAX 3
#define CLAIM 2
#define ONE_WRITER

#define GATE cursor[0]
#ifdef UNGATED
#define LIMIT MAXT
#else
#define LIMIT (GATE + N < MAXT -> GATE + N : MAXT)
#endif

#include "slot.pml"

byte lease = 2;         /* epoch * 2 + line */
bit owner_dead;
byte forced = FORCED;
byte newest;            /* ghost: the lease under which the last claim was made */

#define COUNT(t) (LIMIT - (t) < STRIDE -> LIMIT - (t) : STRIDE)

proctype publisher(byte me) {
  byte t, end, e, x, y, s, mine, k = 1;
  bit lost;
  if :: atomic { me == 0 -> mine = lease } :: atomic { me != 0 -> goto standby } fi;
stride:                                         /* the next claim of the owner */
#ifdef BUG_LEASE_BEFORE_TAIL
  if :: atomic { lease != mine -> goto fenced } :: atomic { lease == mine } OR_DIE fi;
#endif
  if
  :: atomic { tail == MAXT && GATE == MAXT -> goto out }
  :: atomic { lease != mine -> goto fenced }    /* looks now and then */
  :: atomic { tail < LIMIT -> t = tail }
  OR_DIE
  fi;
#ifndef BUG_LEASE_BEFORE_TAIL
  if :: atomic { lease != mine -> t = 0; goto fenced } :: atomic { lease == mine } OR_DIE fi;
#endif
claim:
  if :: atomic { DRAINED -> end = t + COUNT(t); intent[me] = CLAIMED(t, end - t) } OR_DIE fi;
  if
  :: atomic { DRAINED ->
      if
      :: tail == t -> tail = end; assert(newest <= mine); newest = mine
      :: else ->
        end = 0; s = 0;
        if :: x == 1 -> x = 0; goto pass :: else -> t = 0; goto stride fi
      fi;
      x = 0 }
  OR_DIE
  fi;
#ifdef BUG_CLAIM_FIRST
  if :: atomic { y == 1 -> y = 0; goto pass_claimed } :: else fi;
#endif
look:
  use_claim();
done:
  if
  :: atomic { nfull(buffer[me]) -> buffer[me] ! INTENT, NONE; t = 0; end = 0; lost = 0; goto stride }
  OR_DIE
  fi;
fenced:
standby:
  atomic { mine = 0; x = 0; y = 0; s = 0; t = 0; end = 0;
    if
    :: GATE == MAXT -> goto out
    :: DRAINED && owner_dead -> skip
    :: DRAINED && forced > 0 && lease % 2 != me -> forced--
    fi;
    mine = (lease / 2 + 1) * 2 + me; lease = mine; owner_dead = 0 };
pass:                                           /* void what stands in [t - N, t), then claim from t */
  if
  :: atomic { t = tail }
  OR_DIE
  fi;
  if :: atomic { lease != mine -> goto fenced } :: atomic { lease == mine } OR_DIE fi;
#ifdef BUG_CLAIM_FIRST
  if :: atomic { t == MAXT -> goto pass_claimed } :: atomic { t < LIMIT -> x = 1; y = 1; goto claim } :: atomic { lease != mine -> goto fenced } OR_DIE fi;
pass_claimed:
#endif
#ifdef BUG_NO_RESOLVE
  goto pass_end;
#endif
  atomic { s = (t > N -> t - N : 0) };
pass_contest:
  if :: atomic { s == t -> goto pass_fence } :: atomic { s < t -> e = word[SLOT(s)] } OR_DIE fi;
  if :: atomic { e == LAP(s) && s >= horizon -> e = 0; s++; goto pass_contest } :: atomic { !(e == LAP(s) && s >= horizon) } OR_DIE fi;
  if :: atomic { DRAINED -> horizon = MAX(horizon, s + 1) } OR_DIE fi;
  if
  :: atomic { DRAINED ->
      x = v[SLOT(s)];
      if
      :: UNSETTLED(x, LAP(s)) -> goto pass_settle
      :: !UNSETTLED(x, LAP(s)) && VLAP(x) < LAP(s) && e != LAP(s) -> v[SLOT(s)] = NEXT(x, LAP(s), e, CONTESTED)
      :: else
      fi;
      x = 0; e = 0; s++; goto pass_contest }
  OR_DIE
  fi;
pass_settle:                                    /* an earlier lap's */
  if :: atomic { heavy_fence() } OR_DIE fi;
  if :: atomic { y = word[SLOT(s)] } OR_DIE fi;
  if
  :: atomic { DRAINED -> if :: v[SLOT(s)] == x -> v[SLOT(s)] = x - CONTESTED + SETTLED(x, y) :: else fi; x = 0; y = 0; e = 0; goto pass_contest }
  OR_DIE
  fi;
pass_fence:
  if :: atomic { heavy_fence(); s = (t > N -> t - N : 0) } OR_DIE fi;
pass_verdict:
  if
  :: atomic { s == t -> goto pass_end }
  :: atomic { s < t -> x = v[SLOT(s)];
      if
      :: x == V(LAP(s), VRUN(x), CONTESTED) -> skip
      :: else -> x = 0; s++; goto pass_verdict
      fi }
  OR_DIE
  fi;
  if :: atomic { y = word[SLOT(s)] } OR_DIE fi;
  if
  :: atomic { DRAINED -> if :: v[SLOT(s)] == x -> v[SLOT(s)] = x - CONTESTED + SETTLED(x, y) :: else fi; x = 0; y = 0; s++; goto pass_verdict }
  OR_DIE
  fi;
pass_end:
#ifdef BUG_CLAIM_FIRST
  atomic { s = 0; if :: end == 0 -> t = 0; goto stride :: end > 0 -> goto look fi };
#else
  if
  :: atomic { tail == MAXT && t == MAXT -> s = 0; t = 0; goto stride }
  :: atomic { tail > t -> s = 0; t = 0; goto pass }   /* somebody claimed meanwhile */
  :: atomic { tail == t && t < LIMIT -> s = 0; x = 1; goto claim }
  :: atomic { lease != mine -> goto fenced }
  OR_DIE
  fi;
#endif
died:
  atomic { if :: mine == lease -> owner_dead = 1 :: else fi; t = 0; end = 0; e = 0; x = 0; y = 0; s = 0; lost = 0; mine = 0 };
  atomic { DRAINED -> intent[me] = NONE; k++; goto standby };
out:
  atomic { k = 0; mine = 0 }
}

init {
  byte i;
  atomic {
    for (i : 0 .. P - 1) { run publisher(i); }
    run reader(0);
    run memory();
    i = 0
  }
}
