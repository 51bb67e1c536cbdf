/* The gate: how far publishers may claim, while gating readers join and leave.
 *
 * One shared word gate = (limit, joins). A publisher may claim t only if t < limit. One that reaches the limit refreshes:
 * loads the gate, scans all cursors (joining or active), and CASes (limit, joins) -> (min(cursor) + N, 0) if that is more.
 * A reader joins at position p: stores cursor = p, state joining; CASes (L, j) -> (L, j + 1); starts at
 * c = max(p, L - N); stores the cursor; becomes active. A refresh that scanned before the cursor was visible loaded the gate
 * before the bump, so its CAS fails, or came before the bump, so that L already contains it.
 *
 * joins goes back to 0 only together with a higher limit, so a (limit, joins) pair never comes back. At JMAX joins under
 * one limit the joiner withdraws and refuses (the caller tries again when the limit has moved).
 *
 * Checked: after a join returned c, no claim overwrites a sequence >= c before the reader's cursor passed it. A reader may
 * leave, or die and be removed, at any step, also while joining. Publishers pause anywhere between loading the limit and
 * the claim.
 *
 * Mutants, each must fail:
 *   BUG_NO_BUMP       the joiner only loads the gate
 *   BUG_LATE_CURSOR   cursor stored after the bump
 *   BUG_EARLY_SCAN    cursors scanned before the gate is loaded
 *   BUG_WRAP_BLIND    joins wraps from JMAX to 0 with the limit unchanged
 *   BUG_WRAP_CHECKED  the same, but only when no publisher has its refreshing flag set, checked after the cursor was made
 *                     visible. Not enough: the joiner pauses between the check and its CAS; a refresh starts there, and the
 *                     joins after the wrap bring the value back that this refresh has loaded.
 */
#ifndef N
#define N 2
#endif
#ifndef P
#define P 2             /* publishers */
#endif
#ifndef R
#define R 2             /* cursor lines */
#endif
#ifndef JOINS
#define JOINS 2         /* join attempts per cursor line */
#endif
#ifndef MAXT
#define MAXT 5
#endif
#ifndef JMAX
#define JMAX 1          /* largest value of the joins field */
#endif
#define NONE 255
#define FREE 0
#define JOINING 1
#define ACTIVE 2
#define SATURATING_SUB(a, b) ((a) > (b) -> (a) - (b) : 0)

byte tail;
byte limit = N, joins;  /* one word: always read and changed together */
byte cursor[R];
byte state[R];
bit refreshing[P];      /* only BUG_WRAP_CHECKED looks at it */

inline scan() {
  low = NONE; r = 0;
  do
  :: r < R ->
    st = state[r];
    d_step {
      if :: st != FREE && cursor[r] < low -> low = cursor[r] :: else fi;
      st = 0; r++
    }
  :: else -> r = 0; break
  od
}

proctype publisher(byte me) {
  byte t, l, j, low, r, st;
  do
  :: tail >= MAXT -> break
  :: atomic { tail < MAXT -> t = tail };
    l = limit;
    if
    :: t < l ->
      l = 0;
      atomic {
        if
        :: tail == t ->
          tail++;
          for (r : 0 .. R - 1) { assert(state[r] != ACTIVE || t < cursor[r] + N); }
          r = 0
        :: else
        fi;
        t = 0
      }
    :: else ->
#ifdef BUG_WRAP_CHECKED
      refreshing[me] = 1;
#endif
#ifdef BUG_EARLY_SCAN
      scan();
#endif
      atomic { l = limit; j = joins };
#ifndef BUG_EARLY_SCAN
      scan();
#endif
      atomic {
        low = (low == NONE -> t : low) + N;
        if
        :: low > l && limit == l && joins == j ->
          limit = low;
#if !defined(BUG_WRAP_BLIND) && !defined(BUG_WRAP_CHECKED)
          joins = 0
#endif
        :: else
        fi;
        t = 0; l = 0; j = 0; low = 0
      }
#ifdef BUG_WRAP_CHECKED
      refreshing[me] = 0
#endif
    fi
  od
}

proctype reader(byte me) {
  byte attempts = JOINS, p, l, j, q;
  bit busy;
  do
  :: attempts == 0 -> break
  :: atomic { attempts > 0 -> attempts--; if :: p = tail :: p = SATURATING_SUB(tail, N) fi };
#ifndef BUG_LATE_CURSOR
    cursor[me] = p;
    state[me] = JOINING;
#endif
    do
    :: goto leave                                   /* gave up, or died and was removed */
    :: atomic { l = limit; j = joins };
#ifdef BUG_WRAP_CHECKED
      if
      :: j == JMAX ->
        q = 0; busy = 0;
        do
        :: q < P -> d_step { busy = busy | refreshing[q]; q++ }
        :: else -> q = 0; break
        od;
        if :: busy -> busy = 0; l = 0; j = 0; goto leave :: else fi
      :: else
      fi;
#elif !defined(BUG_WRAP_BLIND)
      if :: j == JMAX -> l = 0; j = 0; goto leave :: else fi;
#endif
#ifdef BUG_NO_BUMP
      break
#else
      atomic { if :: limit == l && joins == j -> joins = (j == JMAX -> 0 : j + 1); break :: else fi }
#endif
    od;
#ifdef BUG_LATE_CURSOR
    cursor[me] = p;
    state[me] = JOINING;
#endif
    atomic { p = (p > SATURATING_SUB(l, N) -> p : SATURATING_SUB(l, N)); l = 0; j = 0; cursor[me] = p; p = 0 };
    state[me] = ACTIVE;
    do
    :: atomic { cursor[me] < tail -> cursor[me] = cursor[me] + 1 }
    :: goto leave
    od;
leave:
    atomic { state[me] = FREE; p = 0 }
  od
}

init {
  byte i;
  atomic {
    for (i : 0 .. P - 1) { run publisher(i); }
    for (i : 0 .. R - 1) { run reader(i); }
    i = 0
  }
}
