"""The mistakes that the synchronizer's tests must find: in `file` of src/sync, `old` becomes `new`.

`old` must be there (the first one is meant), else the mutant fits no more and must be brought up to date; `also` are
further changes of the same mistake. `killers` are tried in turn: test programs, 'stress' (processes, kills), 'tsan'
(stress with threads under ThreadSanitizer). 'model:M_...' is the same mistake in tests/model/sync.pml, where no test of
the C code is sure to meet the moment that it takes. `quick`: in every check, because its killer is.
"""


class Mutant:
    def __init__(self, name, file, old, new, killers, quick=False, also=()):
        self.name, self.file, self.edits = name, file, [(old, new), *also]
        self.killers, self.quick = killers.split(), quick


MUTANTS = [
    # ---- a wake is dropped ----
    Mutant('writers_release_wakes_nobody', 'acquire.c',
           '    if (seen & (TRII_WORD_WWAIT | TRII_WORD_RWAIT))\n        trii_sync_settle(sync, parts.region);\n', '',
           'sync_fair'),
    Mutant('last_reader_wakes_nobody', 'wait.c',
           '    if (!any_reader(sync, region))\n        trii_sync_settle(sync, region);', '    (void)sync, (void)region;',
           'sync_fair'),
    Mutant('nudge_without_a_wake', 'wait.c', 'trii_sys_futex_wake(futex_of(at), 1, sync->shared);', '', 'sync_fair'),
    Mutant('leaving_waiter_settles_not', 'wait.c', '    else\n        trii_sync_settle(w->sync, w->want->region);\n', '',
           'model:M_LEAVING_WRITER_SETTLES_NOT'),
    # ---- a look is left out ----
    Mutant('reader_does_not_look_again', 'acquire.c',
           'if (unlikely((trii_load_seq_cst(&cell->word) & closed) != 0))', 'if (unlikely(closed == 0))',
           'tsan model:M_READER_DOES_NOT_LOOK_AGAIN'),
    Mutant('writer_does_not_look', 'acquire.c', 'if (unlikely((readers & TRII_SLOT_STATE) != 0))',
           'if (unlikely(readers == 1))', 'sync_claim', quick=True),
    Mutant('writer_looks_at_one_slot', 'acquire.c', 'i < TRII_QUICK_SLOTS; i++', 'i < 1; i++', 'sync_claim', quick=True),
    Mutant('drain_does_not_wait', 'wait.c', 'if (!w->drain || any_reader(w->sync, w->want->region))', 'if (!w->drain)',
           'tsan model:M_DRAIN_DOES_NOT_WAIT'),
    Mutant('crowd_is_not_announced', 'word.h',
           'slot <= TRII_QUICK_SLOTS ? 0 : slot <= TRII_NEAR_SLOTS ? TRII_WORD_CROWD : TRII_WORD_WIDE',
           'slot <= TRII_NEAR_SLOTS ? 0 : TRII_WORD_WIDE', 'sync_claim', quick=True),
    Mutant('waiter_raises_no_flag', 'wait.c',
           'uint64_t flags = w->want->write ? TRII_WORD_WWAIT : TRII_WORD_RWAIT;', 'uint64_t flags = 0;', 'sync_fair'),
    Mutant('lowers_flags_without_a_mark', 'wait.c', 'while ((word & ~TRII_WORD_FLAGS) == mark &&',
           'while (trii_word_state(word) == TRII_WORD_FREE &&', 'sync_steps model:M_LOWERS_WITHOUT_A_MARK'),
    Mutant('raising_keeps_the_mark', 'wait.c',
           'made = (trii_word_state(seen) == TRII_WORD_FREE ? seen & TRII_WORD_FLAGS : seen) | flags;',
           'made = seen | flags;', 'sync_steps model:M_RAISING_KEEPS_THE_MARK'),
    Mutant('flags_are_lowered_unseen', 'wait.c', '(word & TRII_WORD_FLAGS) & ~idle_flags(&queue, word))',
           '(word & TRII_WORD_FLAGS) & ~(TRII_WORD_WWAIT | TRII_WORD_RWAIT))', 'sync_steps'),
    Mutant('looking_is_not_waiting', 'wait.c', 'queue.reading = queue.readers_wait = true;', 'queue.reading = true;',
           'model:M_LOOKING_IS_NOT_WAITING'),
    Mutant('looking_is_not_reading', 'word.h',
           'trii_slot_state(slot) == TRII_SLOT_READING || trii_slot_state(slot) == TRII_SLOT_LOOK;',
           'trii_slot_state(slot) == TRII_SLOT_READING;', 'model:M_LOOKING_IS_NOT_READING'),
    Mutant('a_left_over_flag_shuts_readers_out', 'wait.c', '(trii_word_state(word) != TRII_WORD_SHARED ||',
           '(word != 0 ||', 'sync_claim', quick=True),
    Mutant('readers_in_the_queue_believe_the_flag', 'wait.c',
           '(!(word & TRII_WORD_WWAIT) || mine == 0 || mine < lowest_ticket(sync, region, word));',
           '!(word & TRII_WORD_WWAIT);', 'sync_fair model:M_READER_BELIEVES_THE_FLAG'),
    # ---- the queue is not kept ----
    Mutant('writer_ignores_its_place', 'wait.c',
           'if (queue.first_writer != w->slot || queue.waited_out < queue.lowest', 'if (queue.waited_out < queue.lowest',
           'model:M_THE_LAST_WRITER_MAY_GO'),
    Mutant('the_last_writer_goes_first', 'wait.c', 'if (ticket < queue.lowest) {',
           'if (ticket > queue.lowest || queue.lowest == NO_TICKET) {', 'sync_fair'),
    Mutant('readers_pass_a_waiting_writer', 'acquire.c',
           'const uint64_t closed = TRII_WORD_WWAIT | TRII_WORD_POISON | TRII_WORD_STATE;',
           'const uint64_t closed = TRII_WORD_POISON | TRII_WORD_STATE;', 'sync_process sync_fair', quick=True),
    Mutant('readers_wait_out_one_writer_more', 'wait.c',
           'word & TRII_WORD_CLOSED ? NO_TICKET : lowest_ticket(sync, region, word);', 'lowest_ticket(sync, region, word);',
           'sync_fair', quick=True),
    Mutant('readers_wait_for_nobody', 'wait.c', 'return lowest == NO_TICKET ? 0 : lowest;', 'return 0;',
           'sync_fair model:M_READER_SEES_NO_WRITER'),
    # ---- a claim is not told from another ----
    Mutant('numbers_do_not_count', 'acquire.c', 'trii_numbers.next = number + TRII_NUMBER_STEP;',
           'trii_numbers.next = number;', 'sync_claim', quick=True),
    Mutant('anybodys_word_is_ours', 'acquire.c', 'trii_claim_bits(word) == parts.bits && trii_member_bits(word) == '
           'trii_load_relaxed(&sync->me) &&', 'trii_claim_bits(word) == parts.bits &&', 'sync_process', quick=True),
    Mutant('downgrade_lets_writers_in', 'acquire.c', '| TRII_WORD_SHARED;', '| TRII_WORD_FREE;', 'sync_claim', quick=True),
    Mutant('many_keeps_what_it_got', 'many.c', '            give_back(batch);\n', '', 'sync_claim', quick=True),
    Mutant('trying_many_looks_for_no_dead', 'many.c', 'if (status == TRI_BUSY && timeout == 0 &&', 'if (status == TRI_OK &&',
           'sync_process'),
    # ---- death ----
    Mutant('a_dead_writer_poisons_nothing', 'recover.c', '~TRII_WORD_CLEANSE) | TRII_WORD_POISON;',
           '~TRII_WORD_CLEANSE);', 'sync_process', quick=True),
    Mutant('a_dead_readers_slot_stays', 'recover.c',
           '    take_slots(dead, region, touched ? TRII_SLOTS : TRII_NEAR_SLOTS);\n', '', 'sync_process'),
    Mutant('a_dead_waiters_flag_stays', 'recover.c', '        trii_sync_settle(dead->sync, region);\n', '        ;\n',
           'sync_process sync_steps', also=[('        trii_sync_settle(sync, region);\n', '        ;\n')]),
    Mutant('a_reused_pid_inherits', 'members.c', 'identity >> PID_BITS);', '0);', 'sync_process'),
    Mutant('a_child_is_its_parent', 'create.c', 'failed = trii_sys_wipe_on_fork(memory, TRI_PAGE_BYTES);', 'failed = 0;',
           'sync_process'),
    Mutant('a_dead_teller_keeps_telling', 'recover.c', '        (void)trii_cas_seq_cst(writing, &teller, 0);\n',
           '        (void)writing;\n', 'sync_poison', quick=True),
    Mutant('the_place_is_free_too_early', 'recover.c',
           '    for (uint32_t region = 0; region < regions && dead->any; region++)\n        sweep_region(dead, region);\n',
           '    (void)regions;\n', 'sync_process sync_steps'),
    Mutant('wide_slots_of_the_dead_stay', 'recover.c', 'touched ? TRII_SLOTS : TRII_NEAR_SLOTS', 'TRII_NEAR_SLOTS',
           'sync_poison', quick=True),
    # ---- poison ----
    Mutant('a_rollback_cleanses', 'acquire.c', 'if ((seen & TRII_WORD_CLEANSE) && overwrote)',
           'if (seen & TRII_WORD_CLEANSE)', 'sync_poison', quick=True),
    Mutant('a_waiting_writer_passes_poison', 'wait.c', 'if ((word & TRII_WORD_POISON) && !w->want->poisoned)\n'
           '            return;', 'if (w->want->region > 70000)\n            return;', 'sync_poison',
           also=[('return !w->want->poisoned && (trii_load_seq_cst(w->word) & TRII_WORD_POISON) != 0;',
                  'return w->want->region > 70000;')]),
    Mutant('the_last_cause_wins', 'poison.c', 'if (!(word & TRII_WORD_POISON) || (word & TRII_WORD_CLEANSE)) {', '{',
           'sync_claim', quick=True),
    # ---- an order is weakened: x86 hides it, ThreadSanitizer does not ----
    Mutant('release_publishes_nothing', 'acquire.c', 'trii_cas_seq_cst(first + place, &held, 0)',
           'atomic_compare_exchange_strong_explicit(first + place, &held, 0, memory_order_relaxed, memory_order_relaxed)',
           'tsan'),
    Mutant('a_writer_enters_without_acquiring', 'acquire.c', 'trii_cas_seq_cst(&cell->word, &free, claim | sync->mine)',
           'atomic_compare_exchange_strong_explicit(&cell->word, &free, claim | sync->mine, memory_order_relaxed, '
           'memory_order_relaxed)', 'tsan'),
    Mutant('a_slow_release_publishes_nothing', 'acquire.c', '} while (!trii_cas_seq_cst(&cell->word, &seen, made));',
           '} while (!atomic_compare_exchange_strong_explicit(&cell->word, &seen, made, memory_order_relaxed, '
           'memory_order_relaxed));', 'tsan'),
]
