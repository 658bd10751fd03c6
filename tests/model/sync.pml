/*
 * The region word and its slots as a model for spin: the specification of src/sync. One region, up to three holders,
 * each in its own slot. Every step that is one atomic operation in C is one step here, and every look at a slot is a
 * step of its own, so that all races are tried. The letters W1 ... S12 are those of the table in src/sync/word.h.
 *
 *   -DROLE0=R|W|D  ... ROLE2       reader, writer, writer that downgrades; -DN=2 leaves the third out
 *   -DGIVE_UP=n                    holder n may time out of any wait
 *   -DVICTIM=n                     holder n may be killed at any step; waiters then look for the dead
 *   -DM_...                        a mutant: one thing done wrong, which must be found
 *
 * Checked: a writer is alone; nobody sleeps for ever (a lost wake-up is an invalid end state); a queued holder is
 * overtaken no more often than the bounds asserted in entered_*().
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

#define NOBODY 7

/* the word */
byte state = FREE, owner = NOBODY;
bit wwait = 0, rwait = 0, poison = 0;
/* the slots. Phases and tickets grow without end in C; here is what they tell: how many phases a reader still has to
 * wait out, whether one began since holder i looked, and the order in which writers came. */
byte slot[N], outwait[N], place[N];
bit nudged[N], old_look[N];

/* not part of the protocol: what really happens */
byte readers_in = 0, writers_in = 0;
byte inside[N]; /* 0, 1 reading, 2 writing */
bit queued[N];
byte by_writers[N], by_readers[N];
bool dead[N];
bool somebody_died = false;

/* The steps of the table, by name, from and to: check-model compares them with the table, and spin sees that each begins
 * where it says. */
#define WORD(step, from, to) assert(state == from); state = to
#define SLOT(step, who, from, to) assert(slot[who] == S_##from); slot[who] = S_##to

#define closed(s) ((s) == WRITE || (s) == DRAIN)
#define may_enter(s, w, who) (!closed(s) && (!(w) || outwait[who] == 0))

/* Counted while its flag is up. It may be down though the holder is queued: while somebody takes a flag down and has not
 * looked again yet, and after S7. Who stops there lets others pass as long as that lasts. */
#define shows(who) ((slot[who] == S_RWAIT && rwait) || (slot[who] == S_WWAIT && wwait) || slot[who] == S_DRAIN)

inline overtaken_by_writer(who) {
    if
    :: queued[who] && who != me && shows(who) -> by_writers[who]++; assert(by_writers[who] <= N)
    :: else -> skip
    fi
}

inline overtaken_by_reader(who) {
    if
    :: queued[who] && who != me && slot[who] == S_WWAIT -> by_readers[who]++; assert(by_readers[who] <= 2 * N)
    :: else -> skip
    fi
}

inline entered_as_writer() {
    inside[me] = 2;
    writers_in++;
    assert(writers_in == 1 && readers_in == 0);
    queued[me] = 0;
    overtaken_by_writer(0);
    overtaken_by_writer(1);
#if N > 2
    overtaken_by_writer(2)
#endif
}

inline entered_as_reader() {
    inside[me] = 1;
    readers_in++;
    assert(writers_in == 0);
    queued[me] = 0;
    overtaken_by_reader(0);
    overtaken_by_reader(1);
#if N > 2
    overtaken_by_reader(2)
#endif
}

inline went_out() {
    if
    :: inside[me] == 1 -> readers_in--
    :: inside[me] == 2 -> writers_in--
    :: else -> skip
    fi;
    inside[me] = 0
}

inline one_more_phase(who) {
    old_look[who] = 1;
    if
    :: outwait[who] > 0 -> outwait[who]--
    :: else -> skip
    fi
}

/* a writer that waited has its turn: one phase more. A step of its own, after W2 */
inline next_phase() {
    one_more_phase(0);
    one_more_phase(1);
#if N > 2
    one_more_phase(2)
#endif
}

inline move_up(who, was) {
    if
    :: place[who] > place[was] -> place[who]--
    :: else -> skip
    fi
}

/* `was` gives its place in the writers' queue up */
inline leave_place(was) {
    if
    :: place[was] > 0 ->
        move_up(0, was);
        move_up(1, was);
#if N > 2
        move_up(2, was);
#endif
        place[was] = 0
    :: else -> skip
    fi
}

inline look_at_word() {
    d_step { l_state = state; l_ww = wwait; l_rw = rwait; l_po = poison }
}

/* found = some slot is in `wanted` */
inline any_slot(wanted) {
    found = 0;
    k = 0;
    do
    :: k < N -> d_step { if :: slot[k] == wanted -> found = 1 :: else -> skip fi; k++ }
    :: else -> break
    od;
    k = 0
}

inline look_at_queue() {
    d_step { q_first = NOBODY; q_drainer = NOBODY; q_readers = 0; q_reading = 0; k = 0 }
    do
    :: k < N ->
        d_step {
            if
            :: slot[k] == S_READING -> q_reading = 1
            :: slot[k] == S_RWAIT && outwait[k] == 0 -> q_readers = 1
            :: slot[k] == S_WWAIT ->
                if
                :: q_first == NOBODY -> q_first = k
                :: q_first != NOBODY && place[k] < place[q_first] -> q_first = k
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
        k = 0
    :: else ->
        look_at_queue();
        if
        :: l_state == DRAIN && !q_reading && q_drainer != NOBODY -> nudge(q_drainer)
        :: l_state == FREE && !q_readers && !q_reading && q_first != NOBODY -> nudge(q_first)
        :: else -> skip
        fi;
        if
        :: !closed(l_state) ->
            k = 0;
            do
            :: k < N ->
                d_step {
                    if
                    :: slot[k] == S_RWAIT && may_enter(l_state, l_ww, k) -> nudged[k] = 1
                    :: else -> skip
                    fi;
                    k++
                }
            :: else -> break
            od;
            k = 0
        :: else -> skip
        fi
    fi
}

inline reader_left() {
    any_slot(S_READING);
    if
    :: !found -> settle()
    :: else -> skip
    fi
}

/* F2, and F1 again when somebody came meanwhile */
inline lower_rwait() {
    any_slot(S_RWAIT);
    if
    :: !found ->
        rwait = 0;
#ifndef M_NO_LOOK_AFTER_LOWERING
        any_slot(S_RWAIT);
        if
        :: found -> rwait = 1
        :: else -> skip
        fi
#endif
    :: else -> skip
    fi
}

inline lower_wwait() {
    any_slot(S_WWAIT);
    if
    :: !found ->
        wwait = 0;
#ifndef M_NO_LOOK_AFTER_LOWERING
        any_slot(S_WWAIT);
        if
        :: found -> wwait = 1
        :: else -> skip
        fi
#endif
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

/* What a waiter does for the dead: W4, W5, W7, S2, S8, S10, S11, S12 */
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
            :: else -> skip
            fi;
            leave_place(VICTIM)
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
        lower_wwait();
        lower_rwait();
        settle()
    :: else -> skip
    fi
#else
    skip
#endif
}

proctype holder(byte me; byte role) {
    byte l_state, q_first, q_drainer, k;
    bit l_ww, l_rw, l_po, q_readers, q_reading, found, drains;
    {
        skip;
    outside:
        skip;
        d_step { l_state = 0; l_ww = 0; l_rw = 0; l_po = 0; found = 0; q_first = 0; q_drainer = 0; q_readers = 0; q_reading = 0;
                 old_look[me] = 0; nudged[me] = 0; by_writers[me] = 0; by_readers[me] = 0 }
        if
        :: role == R -> goto try_read
        :: role != R -> goto try_write
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
        :: l_ww || closed(l_state) -> goto read_queue
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
        d_step { SLOT(S3, me, FREE, TAKEN) }
        old_look[me] = 0; /* looks at the phase, then at the word */
        look_at_word();
        d_step {
#ifdef M_READER_WAITS_OUT_ONE_MORE
            outwait[me] = 2;
#else
            outwait[me] = ((closed(l_state) || old_look[me]) -> 0 : 1);
#endif
            nudged[me] = 0
        }
        d_step { SLOT(S4, me, TAKEN, RWAIT) }
#ifndef M_READER_RAISES_NO_FLAG
        d_step { rwait = 1; queued[me] = 1; by_writers[me] = 0 }
#endif
    read_loop:
        nudged[me] = 0;
        look_at_word();
        if
        :: l_po -> goto read_leave
        :: else -> skip
        fi;
        if
        :: may_enter(l_state, l_ww, me) ->
            d_step { SLOT(S6, me, RWAIT, READING); nudged[me] = 0 }
            d_step {
                l_state = state; l_ww = wwait; l_po = poison;
                if
                :: !l_po && may_enter(l_state, l_ww, me) -> entered_as_reader()
                :: else -> skip
                fi
            }
            if
            :: inside[me] -> lower_rwait(); goto reading
            :: else -> skip
            fi;
            d_step { SLOT(S7, me, READING, RWAIT) }
            rwait = 1;
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
        rwait = 1;
        goto read_loop;
    read_leave:
        skip;
        d_step { SLOT(S8, me, RWAIT, FREE); outwait[me] = 0; nudged[me] = 0; queued[me] = 0; by_writers[me] = 0 }
        lower_rwait();
#ifndef M_LEAVING_READER_SETTLES_NOT
        settle();
#endif
        goto outside;

    reading:
        skip;
        d_step { went_out(); SLOT(S2, me, READING, FREE); outwait[me] = 0; by_writers[me] = 0 }
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
        any_slot(S_READING);
        if
        :: found -> goto write_queue
        :: else -> skip
        fi;
        d_step {
            found = 0;
            if
            :: state == l_state && wwait == l_ww && rwait == l_rw && poison == l_po ->
                WORD(W1, FREE, WRITE); owner = me; found = 1
            :: else -> skip
            fi
        }
        if
        :: !found -> goto write_queue
        :: else -> skip
        fi;
#ifndef M_WRITER_DOES_NOT_LOOK_AGAIN
        any_slot(S_READING);
        if
        :: found -> leave_word(); goto write_queue
        :: else -> skip
        fi;
#endif
        d_step { entered_as_writer() }
        goto writing;

    write_queue:
        skip;
        d_step { SLOT(S3, me, FREE, TAKEN) }
        d_step {
            place[me] = 1;
            if
            :: place[0] >= place[me] && 0 != me -> place[me] = place[0] + 1
            :: else -> skip
            fi;
            if
            :: place[1] >= place[me] && 1 != me -> place[me] = place[1] + 1
            :: else -> skip
            fi;
#if N > 2
            if
            :: place[2] >= place[me] && 2 != me -> place[me] = place[2] + 1
            :: else -> skip
            fi;
            if
            :: place[0] >= place[me] && 0 != me -> place[me] = place[0] + 1
            :: else -> skip
            fi;
#endif
            nudged[me] = 0;
            drains = 0
        }
        d_step { SLOT(S5, me, TAKEN, WWAIT) }
#ifdef M_FLAG_BEFORE_SLOT
        slot[me] = S_TAKEN;
        wwait = 1;
        look_at_word();
        slot[me] = S_WWAIT;
        d_step { queued[me] = 1; by_writers[me] = 0; by_readers[me] = 0 }
#else
        d_step { wwait = 1; queued[me] = 1; by_writers[me] = 0; by_readers[me] = 0 }
#endif
    write_loop:
        nudged[me] = 0;
        if
        :: !drains ->
        take_turn:
            skip;
            look_at_word();
            if
            :: l_state == FREE ->
                look_at_queue();
                if
#if defined M_READERS_DO_NOT_GO_FIRST
                :: q_first == me && !q_reading ->
#elif defined M_DRAIN_WHILE_READERS_LOOK
                :: q_first == me && !q_readers ->
#else
                :: q_first == me && !q_readers && !q_reading ->
#endif
                    d_step {
                        if
                        :: state == l_state && wwait == l_ww && rwait == l_rw && poison == l_po ->
                            WORD(W2, FREE, DRAIN); owner = me; drains = 1
                        :: else -> skip
                        fi
                    }
                    if
                    :: drains ->
#ifndef M_NO_NEXT_PHASE
                        d_step { next_phase() }
#endif
                        d_step { SLOT(S9, me, WWAIT, DRAIN); nudged[me] = 0 }
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
            any_slot(S_READING);
#endif
            if
            :: !found ->
                WORD(W3, DRAIN, WRITE);
                d_step { entered_as_writer() }
                d_step { SLOT(S11, me, DRAIN, FREE); leave_place(me); nudged[me] = 0; drains = 0 }
                lower_wwait();
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
        wwait = 1;
        goto write_loop;
    write_leave:
        skip;
        d_step {
            if
            :: drains -> SLOT(S11, me, DRAIN, FREE)
            :: else -> SLOT(S10, me, WWAIT, FREE)
            fi;
            leave_place(me); nudged[me] = 0; queued[me] = 0
        }
        if
        :: drains -> drains = 0; leave_word()
        :: else -> skip
        fi;
        lower_wwait();
#ifndef M_LEAVING_WRITER_SETTLES_NOT
        settle();
#endif
        goto outside;

    writing:
        if
        :: role == D ->
            d_step { went_out(); entered_as_reader(); WORD(W6, WRITE, SHARED); poison = 0; l_ww = wwait; l_rw = rwait }
            if
            :: l_ww || l_rw -> settle()
            :: else -> skip
            fi
        :: else -> skip
        fi;
        d_step {
            went_out();
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
    skip
}

#ifdef VICTIM
proctype killer() {
    byte me = VICTIM;
end_killer:
    d_step { dead[VICTIM] = true; somebody_died = true; went_out(); queued[VICTIM] = 0 }
}
#endif

init {
    atomic {
        run holder(0, ROLE0);
        run holder(1, ROLE1);
#if N > 2
        run holder(2, ROLE2);
#endif
#ifdef VICTIM
        run killer();
#endif
    }
}
