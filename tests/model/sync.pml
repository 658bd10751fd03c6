/*
 * The region word and its slots as a model for spin: the specification of src/sync. One region, up to three holders,
 * each in its own slot. Every step that is one atomic operation in C is one step here, and every look at a slot is a
 * step of its own, so that all races are tried. The letters W1 ... S14 are those of the table in src/sync/word.h.
 *
 *   -DROLE0=R|W|D  ... ROLE2       reader, writer, writer that downgrades; -DN=2 leaves the third out
 *   -DGIVE_UP=n                    holder n may time out of any wait
 *   -DVICTIM=n                     holder n may be killed at any step; waiters then look for the dead
 *   -DM_...                        a mutant: one thing done wrong, which must be found
 *
 * Checked: a writer is alone; nobody sleeps for ever (a lost wake-up is an invalid end state); nobody who comes after a
 * waiter has shown itself goes before it, but for this: a reader goes before a waiting writer once for each writer that
 * has its turn before that one (entered_*).
 */
#ifndef N
#define N 3
#endif
#define R 0
#define W 1
#define D 2

#define FREE 0
#define DRAIN 1
#define WRITE 2
#define SHARED 3

#define S_FREE 0
#define S_TAKEN 1
#define S_READING 2
#define S_RWAIT 3
#define S_WWAIT 4
#define S_DRAIN 5
#define S_LOOK 6

#define NOBODY 7

/* the word. In C the mark is a number that only its maker has; here it is the maker */
byte state = FREE, owner = NOBODY, mark = NOBODY;
bit wwait = 0, rwait = 0, poison = 0;
/* the slots. Tickets grow without end in C; here is what they tell. A writer that waits has an even one, those that came
 * before it less, those that came after it more. Copies of tickets (the reader's: whom it waits out; `low`: of who looks
 * for the first) keep their place among them when writers go away, between the even ones if need be. */
byte slot[N], ticket[N], low[N], roles[N];
bit nudged[N];

/* not part of the protocol: what really happens */
byte readers_in = 0, writers_in = 0;
byte inside[N]; /* 0, 1 reading, 2 writing */
bit queued[N]; /* it has shown itself, slot and flag, and waits since */
byte late[N];  /* who came after that: bits */
byte credit[N]; /* writers that had their turn since, or have it then, less the readers that came late and went before */
bool dead[N];
bool somebody_died = false;

/* The steps of the table, by name, from and to: check-model compares them with the table, and spin sees that each begins
 * where it says. */
#define WORD(step, from, to) assert(state == from); state = to; mark = NOBODY
#define SLOT(step, who, from, to) assert(slot[who] == S_##from); slot[who] = S_##to

#define closed(s) ((s) == WRITE || (s) == DRAIN)
#ifdef M_LOOKING_IS_NOT_READING
#define is_in(s) ((s) == S_READING)
#else
#define is_in(s) ((s) == S_READING || (s) == S_LOOK)
#endif
#define is_late(who) (late[who] >> me & 1)

inline come_after(who) {
    if
    :: queued[who] && who != me -> late[who] = late[who] | (1 << me)
    :: else -> skip
    fi
}

/* a new wish: behind all that wait */
inline comes() {
    come_after(0);
    come_after(1);
#if N > 2
    come_after(2)
#endif
}

inline passed_by_writer(who) {
    if
    :: queued[who] && who != me -> assert(!is_late(who))
    :: else -> skip
    fi
}

inline passed_by_reader(who) {
    if
    :: queued[who] && who != me && is_late(who) && (slot[who] == S_WWAIT || slot[who] == S_DRAIN) ->
        assert(credit[who] > 0); credit[who]--
    :: else -> skip
    fi
}

inline turn_before(who) {
    if
    :: queued[who] && who != me -> credit[who]++
    :: else -> skip
    fi
}

/* W1 or W2: a writer's turn */
inline has_its_turn() {
    turn_before(0);
    turn_before(1);
#if N > 2
    turn_before(2)
#endif
}

inline waits_no_more(who) {
    queued[who] = 0; late[who] = 0; credit[who] = 0
}

inline entered_as_writer() {
    inside[me] = 2;
    writers_in++;
    assert(writers_in == 1 && readers_in == 0);
    waits_no_more(me);
    passed_by_writer(0);
    passed_by_writer(1);
#if N > 2
    passed_by_writer(2)
#endif
}

inline entered_as_reader() {
    inside[me] = 1;
    readers_in++;
    assert(writers_in == 0);
    waits_no_more(me);
    passed_by_reader(0);
    passed_by_reader(1);
#if N > 2
    passed_by_reader(2)
#endif
}

/* W6: it was in already */
inline reads_on() {
    inside[me] = 1;
    readers_in++;
    writers_in--
}

inline went_out() {
    if
    :: inside[me] == 1 -> readers_in--
    :: inside[me] == 2 -> writers_in--
    :: else -> skip
    fi;
    inside[me] = 0
}

inline shift(value, was) {
    if
    :: value > ticket[was] -> value = value - 2
    :: value == ticket[was] -> value--
    :: else -> skip
    fi
}

/* `was`, a writer, gives its place in the queue up: copies of its ticket are now between its neighbours */
inline leave_place(was) {
    if
    :: roles[was] != R && ticket[was] > 0 ->
        if :: 0 != was -> shift(ticket[0], was) :: else -> skip fi;
        if :: 1 != was -> shift(ticket[1], was) :: else -> skip fi;
        shift(low[0], was);
        shift(low[1], was);
#if N > 2
        if :: 2 != was -> shift(ticket[2], was) :: else -> skip fi;
        shift(low[2], was);
#endif
        ticket[was] = 0
    :: else -> skip
    fi
}

inline look_at_word() {
    d_step { l_state = state; l_ww = wwait; l_rw = rwait; l_po = poison; l_mark = mark }
}

#define word_is_as_seen (state == l_state && wwait == l_ww && rwait == l_rw && poison == l_po && mark == l_mark)

/* found = a reader is in, or looks whether it may be */
inline any_reader() {
    found = 0;
    k = 0;
    do
    :: k < N -> d_step { if :: k != me && is_in(slot[k]) -> found = 1 :: else -> skip fi; k++ }
    :: else -> break
    od;
    k = 0
}

/* found = a writer waits that this reader waits out */
inline any_writer_before() {
    found = 0;
    k = 0;
    do
    :: k < N -> d_step { if :: slot[k] == S_WWAIT && ticket[k] <= ticket[me] -> found = 1 :: else -> skip fi; k++ }
    :: else -> break
    od;
    k = 0
}

/* found = a writer waits */
inline any_writer() {
    found = 0;
    k = 0;
    do
    :: k < N -> d_step { if :: slot[k] == S_WWAIT -> found = 1 :: else -> skip fi; k++ }
    :: else -> break
    od;
    k = 0
}

/* Goes through the slots: q_first, the writer that came first, and `low`, its ticket; whether readers are in or wait. */
inline look_at_queue() {
    d_step { q_first = NOBODY; q_drainer = NOBODY; q_readers = 0; q_reading = 0; low[me] = 0; k = 0 }
    do
    :: k < N ->
        d_step {
            if
            :: is_in(slot[k]) -> q_reading = 1; if :: slot[k] == S_LOOK -> q_readers = 1 :: else -> skip fi
            :: slot[k] == S_RWAIT -> q_readers = 1
            :: slot[k] == S_WWAIT ->
                if
                :: q_first == NOBODY || ticket[k] < low[me] -> q_first = k; low[me] = ticket[k]
                :: else -> skip
                fi
            :: slot[k] == S_DRAIN -> q_drainer = k
            :: else -> skip
            fi;
            k++
        }
    :: else -> break
    od;
    k = 0
}

/* F2: mark, look, and take down what nobody stands behind if the mark is still there */
inline lower_flags() {
    d_step {
        l_ww = 0; l_rw = 0; found = 0;
        if
        :: state == FREE && (wwait || rwait) -> mark = me; found = 1
        :: else -> skip
        fi
    }
    if
    :: found ->
        k = 0;
        do
        :: k < N ->
            d_step {
                if
                :: slot[k] == S_WWAIT -> l_ww = 1
                :: slot[k] == S_RWAIT -> l_rw = 1
#ifndef M_LOOKING_IS_NOT_WAITING
                :: slot[k] == S_LOOK -> l_rw = 1
#endif
                :: else -> skip
                fi;
                k++
            }
        :: else -> break
        od;
        k = 0;
        d_step {
            if
#ifdef M_LOWERS_WITHOUT_A_MARK
            :: true -> wwait = wwait && l_ww; rwait = rwait && l_rw; mark = NOBODY
#else
            :: mark == me -> wwait = wwait && l_ww; rwait = rwait && l_rw; mark = NOBODY
#endif
            :: else -> skip
            fi;
            found = 0; l_ww = 0; l_rw = 0
        }
    :: else -> skip
    fi
}

/* F1: whoever is about to take a flag down looks again */
inline raise(flag) {
    flag = 1;
#ifndef M_RAISING_KEEPS_THE_MARK
    mark = NOBODY
#endif
}

inline nudge(who) {
    d_step {
        if
        :: slot[who] >= S_RWAIT -> nudged[who] = 1
        :: else -> skip
        fi
    }
}

inline settle() {
    look_at_word();
    if
    :: l_po ->
        k = 0;
        do
        :: k < N -> nudge(k); k++
        :: else -> break
        od;
        k = 0;
        lower_flags()
    :: !l_po && l_state == WRITE -> skip /* it will settle when it leaves */
    :: else ->
        look_at_queue();
        if
        :: l_state == DRAIN ->
            if
            :: !q_reading && q_drainer != NOBODY -> nudge(q_drainer)
            :: else -> skip
            fi
        :: else ->
            d_step { l_ww = wwait && q_first == NOBODY; l_rw = rwait && !q_readers; q_readers = 0; k = 0 }
            do
            :: k < N ->
                d_step {
                    if
                    :: slot[k] == S_RWAIT && (q_first == NOBODY || ticket[k] < low[me]) -> nudged[k] = 1; q_readers = 1
                    :: else -> skip
                    fi;
                    k++
                }
            :: else -> break
            od;
            k = 0;
            if
            :: l_state == FREE && !q_readers && !q_reading && q_first != NOBODY -> nudge(q_first)
            :: else -> skip
            fi;
            if
            :: l_state == FREE && (l_ww || l_rw) -> lower_flags()
            :: else -> skip
            fi
        fi;
        d_step { low[me] = 0; q_first = 0; q_drainer = 0; q_readers = 0; q_reading = 0 }
    fi
}

inline reader_left() {
    any_reader();
    if
    :: !found -> settle()
    :: else -> skip
    fi
}

/* W4, W5: the word as if this writer had never been */
inline leave_word() {
    d_step {
        if
        :: state == DRAIN -> WORD(W5, DRAIN, FREE)
        :: else -> WORD(W4, WRITE, FREE)
        fi;
        owner = NOBODY; l_ww = wwait; l_rw = rwait
    }
    if
    :: l_ww || l_rw -> settle()
    :: else -> skip
    fi
}

/* What a waiter does for the dead: W4, W5, W7, S2, S8, S10, S11, S12, S14 */
inline recover() {
#ifdef VICTIM
    if
    :: dead[VICTIM] ->
        d_step {
            if
            :: slot[VICTIM] == S_READING -> SLOT(S2, VICTIM, READING, FREE)
            :: slot[VICTIM] == S_RWAIT -> SLOT(S8, VICTIM, RWAIT, FREE)
            :: slot[VICTIM] == S_WWAIT -> SLOT(S10, VICTIM, WWAIT, FREE)
            :: slot[VICTIM] == S_DRAIN -> SLOT(S11, VICTIM, DRAIN, FREE)
            :: slot[VICTIM] == S_TAKEN -> SLOT(S12, VICTIM, TAKEN, FREE)
            :: slot[VICTIM] == S_LOOK -> SLOT(S14, VICTIM, LOOK, FREE)
            :: else -> skip
            fi;
            leave_place(VICTIM);
            ticket[VICTIM] = 0
        }
        d_step {
            if
            :: state != FREE && owner == VICTIM ->
                if
                :: state == WRITE -> poison = 1; WORD(W4, WRITE, FREE)
                :: state == DRAIN -> WORD(W5, DRAIN, FREE)
                :: else -> WORD(W7, SHARED, FREE)
                fi;
                owner = NOBODY
            :: else -> skip
            fi
        }
        settle()
    :: else -> skip
    fi
#else
    skip
#endif
}

inline forget() {
    l_state = 0; l_ww = 0; l_rw = 0; l_po = 0; l_mark = 0; found = 0; k = 0;
    q_first = 0; q_drainer = 0; q_readers = 0; q_reading = 0
}

proctype holder(byte me; byte role) {
    byte l_state, l_mark, q_first, q_drainer, k;
    bit l_ww, l_rw, l_po, q_readers, q_reading, found, drains;
    {
        skip;
    outside:
        skip;
        d_step { forget(); drains = 0; ticket[me] = 0; nudged[me] = 0 }
        if
        :: role == R -> d_step { comes() } goto try_read
        :: role != R -> d_step { comes() } goto try_write
        :: goto end_stopped /* wants nothing any more: whoever sleeps then must have been woken */
        fi;

    /* ---- readers ---- */
    try_read:
        skip;
        look_at_word();
        if
        :: l_po -> goto end_poisoned /* told so; comes again when it is healed */
        :: else -> skip
        fi;
        if
        :: closed(l_state) || (l_ww && l_state != SHARED) -> goto read_queue
        :: !closed(l_state) && l_ww && l_state == SHARED -> /* the flag can't be taken down: does anybody wait? */
            any_writer();
            if
            :: found -> goto read_queue
            :: else -> skip
            fi
        :: else -> skip
        fi;
        d_step { SLOT(S1, me, FREE, READING) }
#ifndef M_READER_DOES_NOT_LOOK_AGAIN
        d_step {
            l_state = state; l_ww = wwait; l_po = poison;
            if
            :: !l_po && !l_ww && !closed(l_state) -> entered_as_reader()
            :: else -> skip
            fi
        }
        if
        :: !inside[me] && !l_po && l_ww && l_state == SHARED ->
            any_writer();
            if
            :: !found -> d_step { entered_as_reader() }
            :: else -> skip
            fi
        :: else -> skip
        fi;
#else
        d_step { entered_as_reader() }
#endif
        if
        :: inside[me] -> goto reading
        :: else -> skip
        fi;
        d_step { SLOT(S2, me, READING, FREE) }
#ifndef M_BACKING_OUT_WAKES_NOBODY
        reader_left();
#endif
        goto outside;

    read_queue:
        skip;
        d_step { forget(); SLOT(S3, me, FREE, TAKEN) }
        look_at_word();
        if
        :: closed(l_state) -> skip /* waits for nobody but the writer that has its turn */
        :: else ->
            k = 0;
            do
            :: k < N ->
                d_step {
                    if
#if defined M_READER_SEES_NO_WRITER
                    :: false
#else
                    :: slot[k] == S_WWAIT && (!found || ticket[k] < ticket[me]) -> ticket[me] = ticket[k]; found = 1
#endif
                    :: else -> skip
                    fi;
                    k++
                }
            :: else -> break
            od;
            k = 0
        fi;
        skip;
        d_step {
            found = 0; nudged[me] = 0;
#ifdef M_READER_LETS_THE_NEXT_WRITER_PASS
            ticket[me] = ticket[me] + 2;
#endif
            SLOT(S4, me, TAKEN, RWAIT)
        }
#ifndef M_READER_RAISES_NO_FLAG
        d_step { raise(rwait); queued[me] = 1 }
#endif
    read_loop:
        skip;
        d_step { forget(); nudged[me] = 0 }
        look_at_word();
        if
        :: l_po -> goto read_leave
        :: else -> skip
        fi;
        if
#ifdef M_READER_BELIEVES_THE_FLAG
        :: l_ww -> found = 1
#else
        :: l_ww && !closed(l_state) && ticket[me] > 0 -> any_writer_before()
#endif
        :: else -> skip
        fi;
        if
        :: !closed(l_state) && !found ->
            d_step { SLOT(S6, me, RWAIT, LOOK); nudged[me] = 0 }
            look_at_word();
            if
            :: !l_po && l_ww && !closed(l_state) && ticket[me] > 0 -> any_writer_before()
            :: else -> skip
            fi;
            if
            :: !l_po && !closed(l_state) && !found ->
                d_step { SLOT(S13, me, LOOK, READING); nudged[me] = 0; ticket[me] = 0; entered_as_reader() }
                lower_flags();
                goto reading
            :: else -> skip
            fi;
            d_step { SLOT(S7, me, LOOK, RWAIT) }
#ifndef M_TURNING_BACK_WAKES_NOBODY
            reader_left()
#endif
        :: else -> skip
        fi;
        if
        :: nudged[me] -> skip
#ifdef VICTIM
        :: somebody_died -> recover()
#endif
#ifdef GIVE_UP
        :: me == GIVE_UP -> goto read_leave
#endif
        fi;
        goto read_loop;
    read_leave:
        skip;
        d_step { forget(); SLOT(S8, me, RWAIT, FREE); nudged[me] = 0; ticket[me] = 0; waits_no_more(me) }
#ifndef M_LEAVING_READER_SETTLES_NOT
        settle();
#endif
        goto outside;

    reading:
        skip;
        d_step { forget(); went_out(); SLOT(S2, me, READING, FREE) }
        look_at_word();
        if
#ifndef M_LAST_READER_WAKES_NOBODY
        :: l_ww || l_state == DRAIN -> reader_left()
#endif
        :: else -> skip
        fi;
        goto outside;

    /* ---- writers ---- */
    try_write:
        skip;
        look_at_word();
        if
#ifdef M_WRITER_IGNORES_THE_QUEUE
        :: l_state != FREE -> goto write_queue
#else
        :: l_state != FREE || l_ww || l_rw -> goto write_queue
#endif
        :: else -> skip
        fi;
        any_reader();
        if
        :: found -> goto write_queue
        :: else -> skip
        fi;
        d_step {
            if
            :: word_is_as_seen -> WORD(W1, FREE, WRITE); owner = me; found = 1; has_its_turn()
            :: else -> skip
            fi
        }
        if
        :: !found -> goto write_queue
        :: else -> skip
        fi;
#ifndef M_WRITER_DOES_NOT_LOOK_AGAIN
        any_reader();
        if
        :: found -> leave_word(); goto write_queue
        :: else -> skip
        fi;
#endif
        d_step { entered_as_writer() }
        goto writing;

    write_queue:
        skip;
        d_step { forget(); SLOT(S3, me, FREE, TAKEN) }
        d_step {
            if :: roles[0] != R && ticket[0] > ticket[me] -> ticket[me] = ticket[0] :: else -> skip fi;
            if :: roles[1] != R && ticket[1] > ticket[me] -> ticket[me] = ticket[1] :: else -> skip fi;
#if N > 2
            if :: roles[2] != R && ticket[2] > ticket[me] -> ticket[me] = ticket[2] :: else -> skip fi;
#endif
            ticket[me] = ticket[me] + 2;
            nudged[me] = 0
        }
        d_step { SLOT(S5, me, TAKEN, WWAIT) }
#ifdef M_FLAG_BEFORE_SLOT
        slot[me] = S_TAKEN;
        d_step { raise(wwait) }
        look_at_word();
        slot[me] = S_WWAIT;
        d_step { queued[me] = 1 }
#else
        d_step { raise(wwait); queued[me] = 1; credit[me] = closed(state) }
#endif
    write_loop:
        skip;
        d_step { forget(); nudged[me] = 0 }
        if
        :: !drains ->
        take_turn:
            skip;
            look_at_word();
            if
            :: l_state == FREE ->
                d_step { q_first = me; q_readers = 0; q_reading = 0; k = 0 }
                do
                :: k < N ->
                    d_step {
                        if
                        :: is_in(slot[k]) -> q_reading = 1
                        :: slot[k] == S_RWAIT && ticket[k] < ticket[me] -> q_readers = 1
                        :: slot[k] == S_WWAIT && ticket[k] < ticket[me] -> q_first = k
                        :: else -> skip
                        fi;
                        k++
                    }
                :: else -> break
                od;
                k = 0;
                if
#if defined M_READERS_DO_NOT_GO_FIRST
                :: q_first == me && !q_reading ->
#elif defined M_DRAIN_WHILE_READERS_LOOK
                :: q_first == me && !q_readers ->
#elif defined M_THE_LAST_WRITER_MAY_GO
                :: !q_readers && !q_reading ->
#else
                :: q_first == me && !q_readers && !q_reading ->
#endif
                    d_step {
                        if
                        :: word_is_as_seen -> WORD(W2, FREE, DRAIN); owner = me; drains = 1; has_its_turn()
                        :: else -> skip
                        fi
                    }
                    if
                    :: drains ->
                        d_step { SLOT(S9, me, WWAIT, DRAIN); leave_place(me); nudged[me] = 0 }
                    :: else -> goto take_turn
                    fi
                :: else -> skip
                fi
            :: else -> skip
            fi
        :: else -> skip
        fi;
        if
        :: drains ->
#ifdef M_DRAIN_DOES_NOT_WAIT
            found = 0;
#else
            any_reader();
#endif
            if
            :: !found ->
                d_step { WORD(W3, DRAIN, WRITE); entered_as_writer() }
                d_step { SLOT(S11, me, DRAIN, FREE); nudged[me] = 0; drains = 0 }
                goto writing
            :: else -> skip
            fi
        :: else -> skip
        fi;
        if
        :: nudged[me] -> skip
#ifdef VICTIM
        :: somebody_died -> recover()
#endif
#ifdef GIVE_UP
        :: me == GIVE_UP -> goto write_leave
#endif
        fi;
        goto write_loop;
    write_leave:
        skip;
        d_step {
            if
            :: drains -> SLOT(S11, me, DRAIN, FREE)
            :: else -> SLOT(S10, me, WWAIT, FREE)
            fi;
            leave_place(me); nudged[me] = 0; waits_no_more(me)
        }
        if
        :: drains -> drains = 0; leave_word()
#ifndef M_LEAVING_WRITER_SETTLES_NOT
        :: !drains -> settle()
#endif
        :: else -> skip
        fi;
        goto outside;

    writing:
        if
        :: role == D ->
            d_step { reads_on(); WORD(W6, WRITE, SHARED); poison = 0; l_ww = wwait; l_rw = rwait }
            if
            :: l_ww || l_rw -> settle()
            :: else -> skip
            fi
        :: else -> skip
        fi;
        d_step {
            forget(); went_out();
            if
            :: state == SHARED -> WORD(W7, SHARED, FREE)
            :: else -> WORD(W4, WRITE, FREE)
            fi;
            owner = NOBODY; poison = 0; l_ww = wwait; l_rw = rwait
        }
        if
#ifndef M_RELEASE_WAKES_NOBODY
        :: l_ww || l_rw -> settle()
#endif
        :: else -> skip
        fi;
        goto outside;

    end_poisoned:
        poison == 0;
        goto outside;
    end_stopped:
        false
    } unless { dead[me] };
    end_dead:
    skip;
    d_step { forget(); drains = 0 }
}

#ifdef VICTIM
proctype killer() {
    byte me = VICTIM;
end_killer:
    d_step { dead[VICTIM] = true; somebody_died = true; went_out(); waits_no_more(VICTIM); nudged[VICTIM] = 0; low[VICTIM] = 0 }
}
#endif

init {
    atomic {
        roles[0] = ROLE0;
        roles[1] = ROLE1;
        run holder(0, ROLE0);
        run holder(1, ROLE1);
#if N > 2
        roles[2] = ROLE2;
        run holder(2, ROLE2);
#endif
#ifdef VICTIM
        run killer();
#endif
    }
}
