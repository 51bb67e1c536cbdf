/* The gate: how far publishers may claim, while gating readers join, leave and move back.
 *
 * One shared word gate = (limit, joins). A publisher claims t only below the limit that it saw last (mine, which may be old).
 * One that has reached it refreshes: loads the gate, scans all cursors (joining or active), and CASes
 *     (limit, joins) -> (min(slowest + N, t + step), 0)   if that is more; step = max(STEP, count), 1 <= step <= N.
 * slowest: the lowest cursor, counted as limit - N at least and t at most. When the CAS fails it does so again.
 *
 * A reader joins at p: state joining; cursor = p; CAS (L, j) -> (L, j + 1); starts at c = max(p, L - N); stores the cursor;
 * becomes active. To move a cursor back (-DMOVES) is the same from an active one. A refresh that scanned before the cursor was
 * visible loaded the gate before the bump, so its CAS fails, or came before the bump, so that L already contains it.
 *
 * joins goes back to 0 only together with a higher limit, so a (limit, joins) pair never comes back. At JMAX joins the joiner
 * refreshes: it raises the limit by one where slowest + N lets it (its own cursor counts). It withdraws, or puts the cursor
 * back to where it was, only if the limit did not move. -DJOINER_AS_PUBLISHER: it raises as a publisher does; holds as well.
 *
 * A reader may leave, or die and be removed, at any step, also while joining. Publishers pause or die anywhere.
 *
 * Checked:
 *   G1  each claimed sequence is below the limit, and below cursor + N of each active cursor
 *   G3  limit <= cursor + N for each active cursor: at each raise, and when a cursor becomes active
 *   G4  limit <= max(N, tail + LARGEST) + by_joiners, and a joiner is given at most max(p, tail - (N - LARGEST) + by_joiners) as
 *       of its bump: exactly p if p is not below that. LARGEST: the largest step in use; by_joiners: raises by joiners since
 *       the last one by a publisher
 *   G5  where tail >= limit a refresh that nobody disturbs raises the limit above tail, or slowest + N <= limit
 *
 * Mutants, each must fail:
 *   BUG_NO_BUMP       the joiner only loads the gate
 *   BUG_LATE_CURSOR   cursor made visible after the bump
 *   BUG_EARLY_SCAN    cursors scanned before the gate is loaded
 *   BUG_WRAP_BLIND    joins wraps from JMAX to 0 with the limit unchanged
 *   BUG_WRAP_CHECKED  the same, but only when no publisher has its refreshing flag set, checked after the cursor was made
 *                     visible. Not enough: the joiner pauses between the check and its CAS; a refresh starts there, and the
 *                     joins after the wrap bring the value back that this refresh has loaded
 *   BUG_JOINER_ABOVE  at JMAX the joiner raises the limit whatever the slowest cursor is
 *   BUG_MOVE_REFUSED  a cursor whose move is refused at JMAX stays where it was moved to
 *   BUG_NO_MIN        a refresh looks at t + step alone (safety)
 *   BUG_NO_STEP       a refresh looks at slowest + N alone (G4)
 *   BUG_STEP_OF_LIMIT min(slowest + N, limit + step): a refresh with an old t goes on from what others raised (G4)
 *   BUG_STEP_OF_SLOWEST  slowest + step (G5: refused with the slowest cursor less than N behind)
 *   BUG_STEP_ZERO     step 0 (G5)
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
#define JOINS 2         /* joins, moves and refused tries per cursor line */
#endif
#ifndef MAXT
#define MAXT 5
#endif
#ifndef JMAX
#define JMAX 1          /* largest value of the joins field */
#endif
#ifndef STEP
#define STEP 1
#endif
#ifndef CLAIM
#define CLAIM 1         /* a publisher claims 1 or CLAIM sequences at once */
#endif
#define FREE 0
#define JOINING 1
#define ACTIVE 2
#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define MINUS(a, b) ((a) > (b) -> (a) - (b) : 0)
#define STEP_OF(count) MAX(STEP, count)
#define LARGEST STEP_OF(CLAIM)

#if defined(BUG_NO_MIN)
#define RAISED(slowest, head, step, seen) ((head) + (step))
#elif defined(BUG_NO_STEP)
#define RAISED(slowest, head, step, seen) ((slowest) + N)
#elif defined(BUG_STEP_OF_LIMIT)
#define RAISED(slowest, head, step, seen) MIN((slowest) + N, (seen) + (step))
#elif defined(BUG_STEP_OF_SLOWEST)
#define RAISED(slowest, head, step, seen) ((slowest) + (step))
#elif defined(BUG_STEP_ZERO)
#define RAISED(slowest, head, step, seen) MIN((slowest) + N, (head))
#else
#define RAISED(slowest, head, step, seen) MIN((slowest) + N, (head) + (step))
#endif
#ifdef BUG_JOINER_ABOVE
#define RAISED_BY_JOINER(slowest, seen) ((seen) + 1)
#elif defined(JOINER_AS_PUBLISHER)
#define RAISED_BY_JOINER(slowest, seen) RAISED(slowest, tail, STEP, seen)
#else
#define RAISED_BY_JOINER(slowest, seen) MIN((slowest) + N, (seen) + 1)
#endif

byte tail;
byte limit = N, joins;  /* one word: always read and changed together */
byte cursor[R];
byte state[R];
byte by_joiners;
bit refreshing[P];      /* only BUG_WRAP_CHECKED looks at it */
hidden byte at, lowest;

#define HELD(c, seen) MAX(c, MINUS(seen, N))

/* low: the slowest cursor, seen one after the other; state and position by two loads. */
inline scan(head, seen) {
  low = head; r = 0;
  do
  :: r < R ->
    st = state[r];
    d_step {
      if :: st != FREE && HELD(cursor[r], seen) < low -> low = HELD(cursor[r], seen) :: else fi;
      st = 0; r++
    }
  :: else -> r = 0; break
  od
}

inline check_gate() {
  at = 0;
  do
  :: at < R -> assert(state[at] != ACTIVE || limit <= cursor[at] + N); at++            /* G3 */
  :: else -> at = 0; break
  od;
  assert(limit <= MAX(N, tail + LARGEST) + by_joiners)                                 /* G4 */
}

inline check_progress(head) {                                                           /* G5 */
  if
  :: tail == head && head >= limit ->
    lowest = head; at = 0;
    do
    :: at < R -> if :: state[at] != FREE && HELD(cursor[at], limit) < lowest -> lowest = HELD(cursor[at], limit) :: else fi; at++
    :: else -> break
    od;
    assert(RAISED(lowest, head, STEP_OF(count), limit) > head || lowest + N <= limit);
    at = 0; lowest = 0
  :: else
  fi
}

proctype publisher(byte me) {
  byte t, mine = N, count = 1, l, j, low, r, st;
  do
  :: tail >= MAXT -> break
  :: atomic { tail < MAXT -> t = tail;
#if CLAIM > 1
      if :: count = 1 :: count = CLAIM fi
#endif
    };
    if
    :: t < mine ->
      atomic {
        if
        :: tail == t ->
          tail = MIN(t + count, mine);
          assert(tail <= limit);                                                       /* G1 */
          for (r : 0 .. R - 1) { assert(state[r] != ACTIVE || tail <= cursor[r] + N); }
          r = 0
        :: else
        fi;
        t = 0; count = 1
      }
    :: else ->
#ifdef BUG_WRAP_CHECKED
      refreshing[me] = 1;
#endif
      do
      :: true ->
#ifdef BUG_EARLY_SCAN
        scan(t, l);
#endif
        atomic { l = limit; j = joins; check_progress(t) };
#ifndef BUG_EARLY_SCAN
        scan(t, l);
#endif
        atomic {
          low = RAISED(low, t, STEP_OF(count), l);
          if
          :: low <= l -> mine = l; break
          :: low > l && limit == l && joins == j ->
            limit = low; mine = low; by_joiners = 0;
#if !defined(BUG_WRAP_BLIND) && !defined(BUG_WRAP_CHECKED)
            joins = 0;
#endif
            check_gate();
            break
          :: else -> low = 0; j = 0
          fi
        }
      od;
      atomic {
#ifdef BUG_WRAP_CHECKED
        refreshing[me] = 0;
#endif
        t = 0; count = 1; l = 0; j = 0; low = 0
      }
    fi
  od
}

proctype reader(byte me) {
  byte attempts = JOINS, p, before, first, l, j, low, r, st;
#ifdef BUG_WRAP_CHECKED
  byte q;
  bit busy;
#endif
idle:
  if
  :: attempts == 0 -> goto out
  :: atomic { attempts > 0 -> attempts--; if :: p = tail :: p = MINUS(tail + LARGEST, N) :: p = MINUS(tail, N) fi }
  fi;
#ifndef BUG_LATE_CURSOR
  state[me] = JOINING;                            /* at whatever position the line has from its last use */
move:
  cursor[me] = p;
#endif
join:
  if
  :: goto leave                                   /* gave up, or died and was removed */
  :: atomic { l = limit; j = joins }
  fi;
#if defined(BUG_WRAP_CHECKED)
  if
  :: j == JMAX ->
    q = 0; busy = 0;
    do
    :: q < P -> d_step { busy = busy | refreshing[q]; q++ }
    :: else -> q = 0; break
    od;
    if :: busy -> goto leave :: else fi
  :: else
  fi;
#elif !defined(BUG_WRAP_BLIND)
  if
  :: j == JMAX ->
    first = l;
    do
    :: true ->
      scan(tail, l);
      atomic {
        low = RAISED_BY_JOINER(low, l);
        if
        :: low <= l && l == first -> low = 0; first = 0; goto refused
        :: low <= l && l > first -> low = 0; first = 0; l = 0; j = 0; goto join     /* it has moved all the same */
        :: low > l && limit == l && joins == j ->
          limit = low; joins = 0; by_joiners++; check_gate(); low = 0; first = 0; l = 0; j = 0; goto join
        :: else -> low = 0; l = limit; j = joins      /* loaded anew */
        fi
      }
    od
  :: else
  fi;
#endif
#ifdef BUG_NO_BUMP
  atomic {
#else
  atomic {
    if
    :: limit == l && joins == j -> joins = (j == JMAX -> 0 : j + 1)
    :: else -> l = 0; j = 0; goto join
    fi;
    assert(limit <= MAX(N, tail + LARGEST) + by_joiners);                              /* G4 */
    assert(MAX(p, MINUS(l, N)) <= MAX(p, MINUS(tail + LARGEST, N) + by_joiners));
#endif
    p = MAX(p, MINUS(l, N)); before = 0; l = 0; j = 0
  };
#ifdef BUG_LATE_CURSOR
  cursor[me] = p;
  state[me] = JOINING;
#endif
  cursor[me] = p;
in_use:
  atomic { p = 0; state[me] = ACTIVE; check_gate() };
  do
  :: atomic { cursor[me] < tail -> cursor[me] = cursor[me] + 1 }
#ifdef MOVES
  :: atomic { attempts > 0 && cursor[me] > MINUS(limit, N) ->
       attempts--; before = cursor[me]; p = MINUS(limit, N); state[me] = JOINING; goto move }
#endif
  :: goto leave
  od;
refused:
#ifdef MOVES
#ifdef BUG_MOVE_REFUSED
  if :: before > 0 -> before = 0; goto in_use :: else fi;
#else
  if :: before > 0 -> atomic { l = 0; j = 0; cursor[me] = before; before = 0; goto in_use } :: else fi;
#endif
#endif
leave:
  atomic { state[me] = FREE; p = 0; before = 0; l = 0; j = 0; goto idle };
out:
  skip
}

init {
  byte i;
  atomic {
    for (i : 0 .. P - 1) { run publisher(i); }
    for (i : 0 .. R - 1) { run reader(i); }
    i = 0
  }
}
