/* What ring.pml (many writers) and lease.pml (one writer) share: slot word, verdict word, store buffers, the publisher from
 * its claim to its last verdict (tables A and B of ipc/DESIGN.md) and the reader (table C).
 *
 * Sequence s stands in slot s % N; LAP(s) = s / N + 1; the slot word is the lap of the record in it, 0 in a fresh file. The
 * payload is one byte, s + 1: each byte of a record is written and read by the same steps, so one stands for all. A verdict
 * word is (lap, run, fate); run counts the laps directly before lap that are void or can no longer be delivered.
 *
 * Weak memory: a publisher's plain stores (payload, slot word, clearing of the intent) go through a store buffer that drains
 * in order at any time; its loads do not wait for it, its locked instructions do (DRAINED); heavy_fence() drains all. Loads
 * happen in program order (x86, or acquire). The horizon is only ever raised, before the contest, so that loading it and the
 * verdict word in one step shows what two steps would. Readers' plain stores (positions) only open the gate later.
 *
 * Each step makes one access to shared memory; the rest of an atomic is bookkeeping of its process and of the ghosts.
 */
#define NONE 0           /* no intent */
#define SLOT(s) ((s) % N)
#define LAP(s) ((s) / N + 1)

/* A verdict word is (lap, run, fate). */
#define UNKNOWN 0
#define CONTESTED 1
#define VOIDED 2
#define KEPT 3
#define LATER 4         /* the word is about a later lap */
#define V(lap, run, fate) (((lap) * (RUNMAX + 1) + (run)) * 4 + (fate))
#define VLAP(x) ((x) / (4 * (RUNMAX + 1)))
#define VRUN(x) (((x) / 4) % (RUNMAX + 1))
#define VFATE(x) ((x) % 4)
#define READER_FATE(x, lap) (VLAP(x) == (lap) -> VFATE(x) : (VLAP(x) < (lap) -> UNKNOWN : LATER))
#define OWNER_FATE(x, lap) (VLAP(x) > (lap) && VLAP(x) - VRUN(x) <= (lap) -> VOIDED : READER_FATE(x, lap))
#if defined(BUG_NO_RUN_KEPT)
#define MY_FATE(x, lap) READER_FATE(x, lap)
#elif defined(BUG_NO_RUN_LOST)
#define MY_FATE(x, lap) (VLAP(x) > (lap) -> VOIDED : READER_FATE(x, lap))
#else
#define MY_FATE(x, lap) OWNER_FATE(x, lap)
#endif

/* The run of a word for lap that replaces x; w is the slot word, loaded after lap was claimed. */
#ifdef BUG_RUN_GAP
#define RUN(x, lap, w) (VFATE(x) == VOIDED && VLAP(x) + 1 == (lap) -> VRUN(x) + 1 : 0)
#else
#define RUN(x, lap, w) (VFATE(x) == VOIDED && (w) <= VLAP(x) -> VRUN(x) + (lap) - VLAP(x) : 0)
#endif
#define NEXT(x, lap, w, fate) V(lap, (RUN(x, lap, w) < RUNMAX -> RUN(x, lap, w) : RUNMAX), fate)
#ifdef BUG_OVERWRITE_CONTESTED
#define UNSETTLED(x, lap) false
#else
#define UNSETTLED(x, lap) (VLAP(x) < (lap) && VFATE(x) == CONTESTED)
#endif


byte tail, horizon;
byte word[N];           /* lap of the slot word */
byte pay[N];
byte v[N];
byte intent[P];         /* (first sequence, count) */
byte cursor[R];
byte crashes = CRASHES;

/* Store buffers. */
#define PAY(s) SLOT(s)
#define WORD(s) (N + SLOT(s))
#define INTENT (2 * N)
chan buffer[P] = [BUFFER] of { byte, byte };
hidden byte at, value, p_;
#define DRAINED empty(buffer[me])

/* Ghosts. */
byte seen[MAXT];        /* fate of a sequence as the first reader or its publisher saw it */
#if CLAIM > 1
byte item[MAXT];        /* publisher * 16 + number of the item */
byte last[P];           /* of each publisher, the last item that reader 0 delivered */
#endif

inline apply(p) {
  buffer[p] ? at, value;
  if
  :: at < N -> pay[at] = value
  :: at >= N && at < 2 * N -> word[at - N] = value
  :: at == INTENT -> intent[p] = value
  fi;
  at = 0; value = 0
}

inline heavy_fence() {
#ifndef BUG_NO_HEAVY_FENCE
  p_ = 0;
  do
  :: p_ < P && nempty(buffer[p_]) -> apply(p_)
  :: p_ < P && empty(buffer[p_]) -> p_++
  :: p_ == P -> break
  od;
#endif
  p_ = 0
}

inline note(s, fate) {
  if :: seen[s] == 0 -> seen[s] = fate :: else -> assert(seen[s] == fate) fi
}

#define MAX(a, b) ((a) > (b) -> (a) : (b))
#ifdef BUG_SETTLE_EXACT
#define SETTLED(x, w) ((w) == VLAP(x) -> KEPT : VOIDED)
#else
#define SETTLED(x, w) ((w) >= VLAP(x) -> KEPT : VOIDED)
#endif

#define CLAIMED(first, count) ((first) * 4 + (count))
#define AT(i, s) ((i) % 4 > 0 && (i) / 4 < (s) && SLOT((i) / 4) == SLOT(s))
#define ANY_LAP(i, s) (AT(i, s) || ((i) % 4 == 2 && AT((i) + 4, s)))
#ifdef BUG_EXACT_LAP
#define COVERS(i, s) (((i) % 4 > 0 && (i) / 4 + N == (s)) || ((i) % 4 == 2 && (i) / 4 + 1 + N == (s)))
#else
#define COVERS(i, s) ANY_LAP(i, s)
#endif
#ifdef BUG_KEEP_REST
byte redo;              /* the item that was lost; one publisher loses one in this scope */
#define ITEM (redo > 0 && t >= CLAIM && k > redo -> redo : k)
#else
#define ITEM k
#endif

#define OR_DIE :: atomic { crashes > 0 -> crashes--; goto died }

#if P == 2
#define QUARANTINED(s) COVERS(intent[1 - me], s)
#else
#define QUARANTINED(s) \
  ((me != 0 && COVERS(intent[0], s)) || (me != 1 && COVERS(intent[1], s)) || (me != 2 && COVERS(intent[2], s)))
#endif

/* From the claim of t .. end - 1 to the last verdict. The caller's label before it is look, the one behind it done. */
inline use_claim() {
  /* table A */
#ifdef BUG_CLAIMANT_WORD_LAST
  if
  :: atomic { y = (t >= N && t - N < horizon) }
  OR_DIE
  fi;
#endif
  if
  :: atomic { e = word[SLOT(t)] }
  OR_DIE
  fi;
look_v:
  if
  :: atomic {
       if
#ifdef BUG_CLAIMANT_WORD_LAST
       :: e + 1 == LAP(t) && !y -> y = 0; goto write
#else
       :: e + 1 == LAP(t) && (t < N || t - N >= horizon) -> goto write
#endif
       :: else
       fi;
#ifdef BUG_CLAIMANT_WORD_LAST
       y = 0;
#endif
       x = v[SLOT(t)];
       if
       :: UNSETTLED(x, LAP(t)) -> goto settle
#ifdef BUG_LOST_IS_CLEAN
       :: !UNSETTLED(x, LAP(t)) && e + 1 == LAP(t) -> x = 0; goto write
#else
       :: !UNSETTLED(x, LAP(t)) && e + 1 == LAP(t) && OWNER_FATE(x, LAP(t) - 1) != VOIDED -> x = 0; goto write
#endif
       :: else -> x = 0
       fi }
  OR_DIE
  fi;
  if
#ifdef BUG_NO_QUARANTINE
  :: atomic { goto write }
#else
  :: atomic { if :: QUARANTINED(t) -> skip :: else -> goto write fi }
#endif
  OR_DIE
  fi;
void:                                           /* our own sequence, unwritten */
  if
  :: atomic { DRAINED -> horizon = MAX(horizon, t + 1) }
  OR_DIE
  fi;
void_v:
  if
  :: atomic { DRAINED ->
       x = v[SLOT(t)];
       if
       :: UNSETTLED(x, LAP(t)) -> goto settle
       :: VLAP(x) < LAP(t) && !UNSETTLED(x, LAP(t)) -> v[SLOT(t)] = NEXT(x, LAP(t), e, VOIDED); note(t, VOIDED)
       :: VLAP(x) == LAP(t) && VFATE(x) == CONTESTED -> v[SLOT(t)] = x - CONTESTED + VOIDED; note(t, VOIDED)
       :: else                                  /* settled by somebody else, or lapped: nobody will look at it */
       fi;
       x = 0; e = 0; t++;
       if :: t == end -> goto done :: lost && t < end -> goto void_e :: !lost && t < end -> goto look fi }
  OR_DIE
  fi;
void_e:
  if
  :: atomic { e = word[SLOT(t)]; goto void }
  OR_DIE
  fi;
settle:                                         /* x, the contested verdict of an earlier lap */
  if
  :: d_step { heavy_fence() }
  OR_DIE
  fi;
  if
  :: atomic { y = word[SLOT(t)] }
  OR_DIE
  fi;
  if
  :: atomic { DRAINED ->
       if :: v[SLOT(t)] == x -> v[SLOT(t)] = x - CONTESTED + SETTLED(x, y) :: else fi;
       x = 0; y = 0;
       if :: lost -> goto void_v :: else -> goto look fi }
  OR_DIE
  fi;
write:
  if
  :: atomic { nfull(buffer[me]) -> buffer[me] ! PAY(t), t + 1; e = 0;
#if CLAIM > 1
       item[t] = me * 16 + ITEM
#endif
     }
  OR_DIE
  fi;
#ifdef BUG_EARLY_CLEAR
  if :: atomic { nfull(buffer[me]) -> buffer[me] ! INTENT, NONE } OR_DIE fi;
#endif
  if
  :: atomic { nfull(buffer[me]) -> buffer[me] ! WORD(t), LAP(t) }
  OR_DIE
  fi;
verdict:                                        /* table B */
  if
  :: atomic {
#ifndef BUG_PUBLISHER_NO_LOOK
       if
       :: t < horizon ->
         x = MY_FATE(v[SLOT(t)], LAP(t));
         if
         :: x == CONTESTED -> x = 0
         :: x == VOIDED -> x = 0; note(t, VOIDED); t++; lost = 1; goto next
         :: else -> x = 0; note(t, KEPT); t++; k++; goto next
         fi
       :: else -> note(t, KEPT); t++; k++; goto next
       fi
#else
       note(t, KEPT); t++; k++; goto next
#endif
     }
  OR_DIE
  fi;
  if
  :: atomic { DRAINED ->
       if
       :: READER_FATE(v[SLOT(t)], LAP(t)) == CONTESTED ->
         v[SLOT(t)] = v[SLOT(t)] + (KEPT - CONTESTED); note(t, KEPT); t++; k++; goto next
       :: else -> goto verdict
       fi }
  OR_DIE
  fi;
next:
  atomic {
    if
    :: t == end -> lost = 0
#if defined(BUG_KEEP_REST)
    :: t < end -> if :: lost -> redo = k; k++; lost = 0 :: else fi; goto look
#elif defined(RETRY_IN_CLAIM)
    :: t < end -> lost = 0; goto look
#else
    :: t < end && lost -> goto void_e
    :: t < end && !lost -> goto look
#endif
    fi };
}

proctype memory() {
end:
  do
  :: atomic { nempty(buffer[0]) -> apply(0) }
#if P > 1
  :: atomic { nempty(buffer[1]) -> apply(1) }
#endif
#if P > 2
  :: atomic { nempty(buffer[2]) -> apply(2) }
#endif
#ifdef BUG_REAP_ALIVE
  :: atomic { intent[0] != NONE && crashes > 0 -> crashes--; intent[0] = NONE }
#endif
  od
}

#define C cursor[me]
#ifdef ONE_WRITER
#define SOMETHING_AT_C (word[SLOT(C)] >= LAP(C) || VLAP(v[SLOT(C)]) >= LAP(C))
#else
#define SOMETHING_AT_C (tail > C || word[SLOT(C)] >= LAP(C))
#endif
inline advance(fate) {
  note(C, fate);
#if CLAIM > 1
  if
  :: me == 0 && fate == KEPT ->
    assert(item[C] % 16 > last[item[C] / 16]);
    last[item[C] / 16] = item[C] % 16
  :: else
  fi;
#endif
  C = C + 1;
  e = 0; x = 0; goto look
}

proctype reader(byte me) {
  byte e, x, a;
look:                                           /* table C */
#ifdef BUG_READER_WORD_LAST
  if
  :: atomic { C < MAXT && SOMETHING_AT_C -> x = (C < horizon -> READER_FATE(v[SLOT(C)], LAP(C)) : UNKNOWN) }
  :: atomic { C >= MAXT -> goto out }
  fi;
  atomic { e = word[SLOT(C)];
#else
  if
  :: atomic { C < MAXT && SOMETHING_AT_C -> e = word[SLOT(C)] }
  :: atomic { C >= MAXT -> goto out }
  fi;
  atomic {
#ifdef BUG_READER_IGNORES_V
    x = (e < LAP(C) && C < horizon -> READER_FATE(v[SLOT(C)], LAP(C)) : UNKNOWN);
#else
    x = (C < horizon -> READER_FATE(v[SLOT(C)], LAP(C)) : UNKNOWN);
#endif
#endif
    if
    :: e > LAP(C) || x == LATER -> goto overrun
    :: e <= LAP(C) && x == VOIDED -> advance(VOIDED)
    :: e == LAP(C) && (x == UNKNOWN || x == KEPT) -> x = 0
#ifdef BUG_DELIVER_CONTESTED
    :: e == LAP(C) && x == CONTESTED -> x = 0
#else
    :: e == LAP(C) && x == CONTESTED -> e = 0; goto keep
#endif
    :: e < LAP(C) && x == CONTESTED -> x = V(LAP(C), VRUN(v[SLOT(C)]), CONTESTED); goto settle
    :: e < LAP(C) && x == KEPT -> e = 0; x = 0; goto look
#ifdef ONE_WRITER
    :: e < LAP(C) && x == UNKNOWN -> e = 0; goto look   /* its owner's */
#else
    :: e < LAP(C) && x == UNKNOWN -> goto raise
#endif
    fi
  };
  /* deliver */
#ifdef UNGATED
  a = pay[SLOT(C)];
  atomic {
    if
#ifdef BUG_OWN_WORD
    :: word[SLOT(C)] == e ->
#else
    :: tail <= C + N ->
#endif
      assert(a == C + 1); a = 0;
      advance(KEPT)
    :: else -> a = 0; goto overrun
    fi
  };
#else
  atomic { assert(pay[SLOT(C)] == C + 1); advance(KEPT) };
#endif
overrun:
#ifdef UNGATED
  atomic { assert(tail > C + N); C = tail - N; e = 0; x = 0; goto look };
#else
  assert(false);
#endif
keep:
  atomic {
    if :: READER_FATE(v[SLOT(C)], LAP(C)) == CONTESTED -> v[SLOT(C)] = v[SLOT(C)] + (KEPT - CONTESTED) :: else fi;
    x = 0; goto look };
raise:
#ifndef BUG_HORIZON_LATE
  atomic { horizon = MAX(horizon, C + 1) };
#endif
  e = word[SLOT(C)];                             /* once more, now that tail > C: for the run */
contest:
  atomic {
    x = v[SLOT(C)];
    if
    :: UNSETTLED(x, LAP(C)) || (VLAP(x) == LAP(C) && VFATE(x) == CONTESTED) -> skip
    :: VLAP(x) < LAP(C) && !UNSETTLED(x, LAP(C)) ->
#ifdef BUG_NO_CONTEST
      v[SLOT(C)] = NEXT(x, LAP(C), e, VOIDED); e = 0; x = 0; goto look
#else
      x = NEXT(x, LAP(C), e, CONTESTED); v[SLOT(C)] = x
#endif
    :: else -> e = 0; x = 0; goto look
    fi };
settle:
  atomic { heavy_fence(); e = 0 };
  e = word[SLOT(C)];
#ifdef BUG_HORIZON_LATE
  atomic { horizon = MAX(horizon, C + 1) };
#endif
  atomic {
    if :: v[SLOT(C)] == x -> v[SLOT(C)] = x - CONTESTED + SETTLED(x, e) :: else fi;
    e = 0; x = 0; goto look };
out:
  skip
}

