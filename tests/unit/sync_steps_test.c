/*
 * sync: a process dies at any instruction, and nobody else is worse off. A child is followed step by step (ptrace)
 * through acquiring, queueing, releasing, downgrading, poisoning, recovering others; it is stopped after the nth step,
 * another process begins to wait for the same regions, and then the child is killed, in a fresh run for every n. The
 * survivor gets the regions; poisoned, with the dead one's pid and stage, if and only if that one was writing. Nothing
 * is left.
 *
 * As it is, the child is killed after each step that changed the shared memory and before and after each system call
 * for sleeping or waking: between two of those, one place to die is like another for everybody else.
 * `sync_steps_test all` kills at every instruction instead. Calls into the C library are run through to their return.
 */
#include "kit.h"

#include "base/sys.h"
#include "sync/members.h"

#if defined(__x86_64__)

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOST TRI_TECHNOLOGY_HOST
#define GPU TRI_TECHNOLOGY_WEBGPU
#define REGIONS 2u
#define PATIENCE_NS UINT64_C(20000000000) /* only a failure takes so long */

extern const char __executable_start[], etext[]; /* the linker's: all of our code lies between */

static bool every_instruction;
static struct tri_error err;
static const struct tri_wait patient = {.timeout_ns = PATIENCE_NS};

/* How far the child is; and the survivor. Shared, but no part of the synchronizer. */
enum phase { BEFORE, ACQUIRING, HOLDING, NOTED, LEAVING, DONE };
struct notes {
    _Atomic uint32_t phase, tries, go_on;
};
static struct notes *notes;
static struct tri_sync *sync_;

static void nap(void) {
    const struct timespec pause = {.tv_nsec = 100000};
    nanosleep(&pause, NULL);
}

static void phase(enum phase now) {
    trii_store_seq_cst(&notes->phase, (uint32_t)now);
}

/* ---- what the child does; false when something fails that may not ---- */

static bool reads(void) {
    tri_claim claim;
    phase(ACQUIRING);
    if (tri_sync_acquire_read(sync_, 0, GPU, &patient, &claim, NULL) != TRI_OK)
        return false;
    phase(LEAVING);
    return tri_sync_release(sync_, claim, NULL) == TRI_OK;
}

static bool writes(void) {
    tri_claim claim;
    phase(ACQUIRING);
    if (tri_sync_acquire_write(sync_, 0, GPU, &patient, &claim, NULL) != TRI_OK)
        return false;
    phase(HOLDING);
    trii_sync_note_stage(sync_, claim, "blur");
    phase(NOTED);
    phase(LEAVING);
    return tri_sync_release(sync_, claim, NULL) == TRI_OK;
}

static bool writes_both(void) {
    const struct tri_claim_request both[] = {{1, GPU, TRI_ACCESS_WRITE}, {0, GPU, TRI_ACCESS_WRITE}};
    tri_claim claims[2];
    phase(ACQUIRING);
    if (tri_sync_acquire_many(sync_, both, 2, &patient, claims, NULL) != TRI_OK)
        return false;
    phase(HOLDING);
    phase(LEAVING);
    return tri_sync_release(sync_, claims[0], NULL) == TRI_OK && tri_sync_release(sync_, claims[1], NULL) == TRI_OK;
}

static bool downgrades(void) {
    tri_claim claim;
    phase(ACQUIRING);
    if (tri_sync_acquire_write(sync_, 0, GPU, &patient, &claim, NULL) != TRI_OK)
        return false;
    phase(HOLDING);
    phase(LEAVING);
    return tri_sync_downgrade(sync_, claim, NULL) == TRI_OK && tri_sync_release(sync_, claim, NULL) == TRI_OK;
}

static bool poisons(void) {
    struct tri_error cause = {.status = TRI_TRAP, .message = "boom"};
    tri_claim claim;
    phase(ACQUIRING);
    if (tri_sync_acquire_write(sync_, 0, GPU, &patient, &claim, NULL) != TRI_OK)
        return false;
    phase(HOLDING);
    if (tri_sync_poison(sync_, claim, &cause, NULL) != TRI_OK)
        return false;
    phase(LEAVING);
    return tri_sync_release(sync_, claim, NULL) == TRI_OK;
}

static bool resets(void) {
    phase(ACQUIRING);
    return tri_sync_reset(sync_, 0, NULL) == TRI_OK;
}

static bool gives_up(void) {
    const struct tri_wait brief = {.timeout_ns = 1000000};
    tri_claim claim;
    phase(ACQUIRING);
    return tri_sync_acquire_write(sync_, 0, GPU, &brief, &claim, NULL) == TRI_TIMEOUT;
}

static bool recovers(void) {
    tri_claim claim;
    phase(ACQUIRING);
    return tri_sync_acquire_write(sync_, 0, GPU, &patient, &claim, NULL) == TRI_POISONED;
}

/* ---- scenarios ---- */

struct scenario {
    const char *name;
    bool (*act)(void);
    char held;          /* what the test holds until the child sleeps: 'r', 'w' or nothing */
    bool joins;         /* the child's first call makes it a member */
    bool poisoned;      /* the region is, before */
    bool another_died;  /* a writer, before, and nobody has noticed */
    bool waits_already; /* the survivor waits since the child has its claim: its leaving is followed */
    bool survivor_reads;
    bool both;          /* two regions */
    bool slow;          /* many steps: one kind of survivor for each place to die, unless at every instruction */
    uint32_t events;    /* at least so many places to die, else the test does not see what it should */
};

struct run {
    const struct scenario *scenario;
    bool spins; /* the survivor tries again and again instead of waiting */
    uint64_t kill_at, events;
    pid_t child, dead, survivor;
    int answers; /* the survivor's pipe */
    tri_claim held;
    uint64_t member; /* the child's bits in words */
    uint8_t *seen;   /* the shared memory after the last step */
    bool watches;    /* events are counted */
};

static uint64_t shared_bytes(void) {
    return trii_sync_bytes(REGIONS) - TRII_HEAD_OFFSET;
}

static uint8_t *shared_part(void) {
    return (uint8_t *)sync_ + TRII_HEAD_OFFSET;
}

static char state_of(pid_t pid) {
    char path[32], text[512], *at;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return '?';
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    at = strrchr(text, ')');
    return at ? at[2] : '?';
}

static uint64_t word_of(uint32_t region) {
    return trii_load_seq_cst(&trii_cell(sync_, region)->word);
}

/* ---- the survivor ---- */

struct answer {
    tri_status status;
    uint64_t at_ns;
    char message[TRI_ERROR_MESSAGE_BYTES];
};

static tri_status take(const struct scenario *s, const struct tri_wait *wait, bool poisoned, tri_claim claims[2]) {
    const struct tri_claim_request both[] = {{0, HOST, TRI_ACCESS_WRITE}, {1, HOST, TRI_ACCESS_WRITE}};
    claims[1] = TRI_CLAIM_NONE;
    if (s->both)
        return trii_sync_acquire_many(sync_, both, 2, poisoned ? 3 : 0, wait, claims, &err);
    if (poisoned)
        return tri_sync_acquire_poisoned(sync_, 0, HOST, wait, claims, &err);
    return s->survivor_reads ? tri_sync_acquire_read(sync_, 0, HOST, wait, claims, &err)
                             : tri_sync_acquire_write(sync_, 0, HOST, wait, claims, &err);
}

static void survive(const struct run *run, int told) {
    const struct scenario *s = run->scenario;
    const struct tri_wait once = {.timeout_ns = 0};
    struct answer answer = {.status = TRI_BUSY};
    tri_claim claims[2];
    uint64_t end = trii_sys_now_ns() + PATIENCE_NS;
    do {
        trii_add_relaxed(&notes->tries, 1);
        answer.status = take(s, run->spins ? &once : &patient, false, claims);
    } while (answer.status == TRI_BUSY && trii_sys_now_ns() < end);
    answer.at_ns = trii_sys_now_ns();
    memcpy(answer.message, err.message, sizeof answer.message);
    bool good = write(told, &answer, sizeof answer) == (ssize_t)sizeof answer;
    while (!trii_load_acquire(&notes->go_on)) /* the test looks at the words meanwhile */
        nap();
    if (answer.status == TRI_POISONED)
        answer.status = take(s, &patient, true, claims);
    good = good && answer.status == TRI_OK && tri_sync_release(sync_, claims[0], NULL) == TRI_OK;
    if (claims[1] != TRI_CLAIM_NONE)
        good = good && tri_sync_release(sync_, claims[1], NULL) == TRI_OK;
    _exit(good ? 0 : 1);
}

static bool has_answered(const struct run *run) {
    struct pollfd ready = {.fd = run->answers, .events = POLLIN};
    return poll(&ready, 1, 0) == 1;
}

/* Comes back when it has its answer, or waits. */
static void start_survivor(struct run *run) {
    int ends[2];
    struct tri_sync_info info;
    assert_int_equal(pipe(ends), 0);
    trii_store_seq_cst(&notes->tries, 0);
    trii_store_seq_cst(&notes->go_on, 0);
    run->survivor = fork();
    assert_true(run->survivor >= 0);
    if (run->survivor == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        survive(run, ends[1]);
    }
    close(ends[1]);
    run->answers = ends[0];
    for (bool waits = false; !waits && !has_answered(run); nap()) {
        assert_ok(tri_sync_inspect(sync_, 0, &info, &err));
        uint32_t waiting = info.waiting_readers + info.waiting_writers;
        if (run->scenario->both && waiting == 0) {
            assert_ok(tri_sync_inspect(sync_, 1, &info, &err));
            waiting = info.waiting_readers + info.waiting_writers;
        }
        waits = run->spins ? trii_load_seq_cst(&notes->tries) > 2 : waiting > 0 && state_of(run->survivor) == 'S';
    }
}

/* ---- following the child ---- */

static bool is_ours(uint64_t address) {
    return address >= (uintptr_t)__executable_start && address < (uintptr_t)etext;
}

static void trace(int request, pid_t pid, void *address, uintptr_t data) {
    if (ptrace((enum __ptrace_request)request, pid, address, data) != 0)
        fail_msg("ptrace %d: %s", request, strerror(errno));
}

static void let_go(struct run *run) {
    if (run->held != TRI_CLAIM_NONE)
        assert_ok(tri_sync_release(sync_, run->held, &err));
    run->held = TRI_CLAIM_NONE;
}

/* Waits for the next stop; a child that `may_sleep` until then is given what it waits for. False when it has ended. */
static bool next_stop(struct run *run, bool may_sleep) {
    int status = 0;
    for (;;) {
        pid_t got = waitpid(run->child, &status, __WALL | (may_sleep && run->held ? WNOHANG : 0));
        assert_true(got >= 0);
        if (got == run->child)
            break;
        if (state_of(run->child) == 'S')
            let_go(run);
        else
            nap();
    }
    if (WIFEXITED(status)) {
        assert_int_equal(WEXITSTATUS(status), 0);
        return false;
    }
    assert_true(WIFSTOPPED(status));
    assert_int_equal(WSTOPSIG(status), SIGTRAP);
    return true;
}

/* The child has just been called out of our code: runs it to the return. */
static bool return_from_call(struct run *run, struct user_regs_struct *at) {
    errno = 0;
    uint64_t back = (uint64_t)ptrace(PTRACE_PEEKDATA, run->child, (void *)(uintptr_t)at->rsp, NULL);
    uint64_t code = (uint64_t)ptrace(PTRACE_PEEKTEXT, run->child, (void *)(uintptr_t)back, NULL);
    assert_int_equal(errno, 0);
    if (!is_ours(back)) { /* main() or the like returns, or exits */
        trace(PTRACE_CONT, run->child, NULL, 0);
        bool stopped = next_stop(run, true);
        assert_false(stopped);
        return false;
    }
    trace(PTRACE_POKETEXT, run->child, (void *)(uintptr_t)back, (code & ~UINT64_C(0xff)) | 0xcc);
    trace(PTRACE_CONT, run->child, NULL, 0);
    if (!next_stop(run, true))
        return false;
    trace(PTRACE_GETREGS, run->child, NULL, (uintptr_t)at);
    assert_int_equal(at->rip, back + 1);
    at->rip = back;
    trace(PTRACE_POKETEXT, run->child, (void *)(uintptr_t)back, code);
    trace(PTRACE_SETREGS, run->child, NULL, (uintptr_t)at);
    return true;
}

/* An instruction of ours, or a call out of our code; false at the end. `waits` says that it came to sleeping or waking,
 * or back from there. */
static bool step(struct run *run, bool *waits) {
    struct user_regs_struct at;
    trace(PTRACE_GETREGS, run->child, NULL, (uintptr_t)&at);
    *waits = at.rip == (uintptr_t)syscall;
    if (!is_ours(at.rip))
        return return_from_call(run, &at);
    trace(PTRACE_SINGLESTEP, run->child, NULL, 0);
    if (!next_stop(run, false))
        return false;
    trace(PTRACE_GETREGS, run->child, NULL, (uintptr_t)&at);
    *waits = at.rip == (uintptr_t)syscall;
    return true;
}

static bool has_changed(struct run *run) {
    bool changed = memcmp(run->seen, shared_part(), shared_bytes()) != 0;
    if (changed)
        memcpy(run->seen, shared_part(), shared_bytes());
    return changed;
}

/* Until the place to die; false when the child came to its end before. */
static bool follow(struct run *run) {
    bool waits = false;
    run->watches = !run->scenario->waits_already;
    memcpy(run->seen, shared_part(), shared_bytes());
    while (!run->watches || run->events <= run->kill_at) {
        if (!step(run, &waits))
            return false;
        if (!run->watches && trii_load_seq_cst(&notes->phase) == LEAVING) {
            start_survivor(run);
            run->watches = true;
        }
        bool changed = has_changed(run);
        if (run->watches && (every_instruction || changed || waits))
            run->events++;
    }
    return true;
}

static pid_t fork_traced(const struct scenario *s) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(77);
        if (!s->joins)
            (void)trii_sync_me(sync_, NULL);
        __asm__ volatile("int3"); /* stops in our own code */
        bool good = s->act();
        phase(DONE);
        _exit(good ? 0 : 1);
    }
    return pid;
}

/* ---- one run ---- */

static void prepare(struct run *run) {
    const struct scenario *s = run->scenario;
    struct tri_error cause = {.status = TRI_TRAP, .message = "boom"};
    tri_claim claim;
    void *memory = mmap(NULL, trii_sync_bytes(REGIONS), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_ok(trii_sync_open_at(memory, REGIONS, true, true, &sync_, &err));
    phase(BEFORE);
    run->survivor = run->dead = 0;
    run->held = TRI_CLAIM_NONE;
    run->events = 0;
    if (s->poisoned) {
        assert_ok(tri_sync_acquire_write(sync_, 0, HOST, NULL, &claim, &err));
        assert_ok(tri_sync_poison(sync_, claim, &cause, &err));
        assert_ok(tri_sync_release(sync_, claim, &err));
    }
    if (s->another_died) {
        run->dead = fork();
        if (run->dead == 0)
            _exit(tri_sync_acquire_write(sync_, 0, GPU, NULL, &claim, NULL) == TRI_OK ? 0 : 1);
        waitpid(run->dead, NULL, 0);
    }
    if (s->held == 'r')
        assert_ok(tri_sync_acquire_read(sync_, 0, HOST, NULL, &run->held, &err));
    if (s->held == 'w')
        assert_ok(tri_sync_acquire_write(sync_, 0, HOST, NULL, &run->held, &err));
    run->child = fork_traced(s);
    int status = 0;
    assert_int_equal(waitpid(run->child, &status, __WALL), run->child);
    assert_true(WIFSTOPPED(status));
}

/* Whose death the survivor must be told of: 0 nobody's, -1 the cause that the region had. */
static pid_t expected(const struct run *run) {
    pid_t whose = 0;
    for (uint32_t region = 0; region < (run->scenario->both ? 2u : 1u); region++) {
        uint64_t word = word_of(region);
        bool held = trii_word_state(word) == TRII_WORD_WRITE;
        uint32_t member = trii_member_of(word);
        pid_t pid = trii_members_pid(trii_load_seq_cst(&sync_->head->members[member]));
        if ((word & TRII_WORD_POISON) && !(held && (word & TRII_WORD_CLEANSE)))
            return -1;
        if (held && (pid == run->child || pid == run->dead))
            whose = pid;
    }
    return whose;
}

static void check_answer(struct run *run, pid_t whose, enum phase reached, uint64_t died_ns, uint64_t *longest_ns) {
    struct answer answer;
    char pid[24];
    int status = 0;
    struct pollfd ready = {.fd = run->answers, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, (int)(PATIENCE_NS / 1000000)), 1);
    assert_int_equal(read(run->answers, &answer, sizeof answer), sizeof answer);
    if (answer.at_ns > died_ns && answer.at_ns - died_ns > *longest_ns)
        *longest_ns = answer.at_ns - died_ns;
    if (answer.status != (whose ? TRI_POISONED : TRI_OK))
        fail_msg("%s, killed at %u: the survivor got %s (%s)", run->scenario->name, (unsigned)run->kill_at,
                 tri_status_name(answer.status), answer.message);
    snprintf(pid, sizeof pid, "process %d died", (int)whose);
    if (whose && !strstr(answer.message, whose > 0 ? pid : run->dead ? "died" : "boom"))
        fail_msg("%s, killed at %u: \"%s\"", run->scenario->name, (unsigned)run->kill_at, answer.message);
    if (whose > 0 && reached == NOTED)
        assert_non_null(strstr(answer.message, "stage blur"));
    trii_store_release(&notes->go_on, 1);
    assert_int_equal(waitpid(run->survivor, &status, 0), run->survivor);
    assert_int_equal(status, 0);
    close(run->answers);
}

static void check_nothing_is_left(void) {
    (void)trii_members_bury_dead(sync_);
    for (uint32_t region = 0; region < REGIONS; region++) {
        const uint64_t flags = TRII_WORD_WWAIT | TRII_WORD_RWAIT | TRII_WORD_POISON | TRII_WORD_CLEANSE;
        assert_int_equal(trii_word_state(word_of(region)), TRII_WORD_FREE);
        assert_int_equal(word_of(region) & flags, 0);
        for (uint32_t slot = 1; slot <= TRII_SLOTS; slot++)
            assert_int_equal(trii_slot_state(trii_load_relaxed(trii_slot_at(sync_, region, slot))), TRII_SLOT_FREE);
        assert_int_equal(trii_load_relaxed(&sync_->causes[region].writing), 0);
    }
    for (uint32_t i = 1; i < TRII_MEMBERS; i++)
        if (i != trii_member_of(trii_load_relaxed(&sync_->me)))
            assert_int_equal(trii_load_relaxed(&sync_->head->members[i]), 0);
}

static void finish(struct run *run) {
    void *memory = sync_;
    let_go(run);
    tri_sync_destroy(&sync_);
    munmap(memory, trii_sync_bytes(REGIONS));
}

/* False when the child was through before the nth event. */
static bool run_once(struct run *run, uint64_t *longest_ns) {
    prepare(run);
    if (!follow(run)) { /* nobody died */
        struct answer answer;
        if (run->survivor) {
            assert_int_equal(read(run->answers, &answer, sizeof answer), sizeof answer);
            trii_store_release(&notes->go_on, 1);
            assert_int_equal(waitpid(run->survivor, NULL, 0), run->survivor);
            close(run->answers);
        }
        finish(run);
        return false;
    }
    if (!run->survivor)
        start_survivor(run);
    enum phase reached = (enum phase)trii_load_seq_cst(&notes->phase);
    pid_t whose = expected(run);
    if (reached == HOLDING || reached == NOTED) /* with its own poison, the cause is told while it lives */
        assert_true(whose == run->child || (whose == -1 && run->scenario->act == poisons));
    if (whose > 0 && has_answered(run)) { /* told of the poison that the child was about to lift, or wrong */
        if (!(word_of(0) & TRII_WORD_POISON))
            fail_msg("%s, stopped at %u: the survivor is in, too", run->scenario->name, (unsigned)run->kill_at);
        whose = -1;
    }
    kill(run->child, SIGKILL);
    uint64_t died_ns = trii_sys_now_ns();
    waitpid(run->child, NULL, __WALL);
    if (run->held) { /* the survivor waits for us, too */
        let_go(run);
        died_ns = trii_sys_now_ns();
    }
    check_answer(run, whose, reached, died_ns, longest_ns);
    check_nothing_is_left();
    finish(run);
    return true;
}

static void survive_all_deaths(const struct scenario *s) {
    static const char *const how[] = {"sleeps", "spins"};
    uint64_t longest_ns[2] = {0, 0}, deaths[2] = {0, 0};
    struct run run = {.scenario = s, .seen = malloc(shared_bytes())};
    assert_non_null(run.seen);
    for (bool more = true; more; run.kill_at += every_instruction ? 1 + run.kill_at / 400 : 1) /* long walks: some */
        for (int i = 0; i < 2 && more; i++) {
            run.spins = i == 1;
            if (s->slow && !every_instruction && run.kill_at % 2 != (unsigned)i)
                continue;
            more = run_once(&run, &longest_ns[i]);
            deaths[i] += more;
        }
    for (int i = 0; i < 2; i++)
        print_message("%s: %u deaths, a survivor that %s went on within %.1f ms\n", s->name, (unsigned)deaths[i],
                      how[i], (double)longest_ns[i] / 1e6);
    assert_true(deaths[0] + deaths[1] >= s->events);
    free(run.seen);
}

/* ---- stopped is not dead: nobody is passed meanwhile ---- */

static uint32_t waiting_writers(void) {
    struct tri_sync_info info;
    assert_ok(tri_sync_inspect(sync_, 0, &info, &err));
    return info.waiting_writers;
}

/* Follows a child that waited and gave up for `steps` more; false when it has taken its flag down by then. */
static bool follow_the_leaving(struct run *run, uint64_t steps) {
    bool waits = false, was_there = false;
    for (bool there = false; there || !was_there; there = waiting_writers() > 0) {
        was_there = was_there || there;
        assert_true(step(run, &waits));
    }
    for (uint64_t i = 0; i < steps && (word_of(0) & TRII_WORD_WWAIT); i++)
        assert_true(step(run, &waits));
    return (word_of(0) & TRII_WORD_WWAIT) != 0;
}

static void see_that_it_waits(struct run *run, uint64_t steps) {
    tri_claim claim;
    tri_status status = tri_sync_try_acquire_read(sync_, 0, HOST, &claim, &err);
    if (status != TRI_BUSY)
        fail_msg("a reader passes a waiting writer that came %u steps after the other had left: %s", (unsigned)steps,
                 tri_status_name(status));
    assert_false(has_answered(run));
}

/* The test reads; the child waits to write and gives up. After so many steps of its leaving, while it is about to take
 * down the flag that says "a writer waits", another writer queues. False when the flag was down before. */
static bool queue_behind_a_leaving(struct run *run, uint64_t steps) {
    struct answer answer;
    tri_claim mine;
    bool waits = false;
    int status = 0;
    prepare(run);
    assert_ok(tri_sync_acquire_read(sync_, 0, HOST, NULL, &mine, &err));
    bool more = follow_the_leaving(run, steps);
    start_survivor(run);
    (void)has_changed(run);
    do
        if (has_changed(run) || every_instruction)
            see_that_it_waits(run, steps);
    while (step(run, &waits)); /* to the child's end */
    see_that_it_waits(run, steps);
    assert_ok(tri_sync_release(sync_, mine, &err));
    assert_int_equal(read(run->answers, &answer, sizeof answer), sizeof answer);
    assert_int_equal(answer.status, TRI_OK);
    trii_store_release(&notes->go_on, 1);
    assert_int_equal(waitpid(run->survivor, &status, 0), run->survivor);
    assert_int_equal(status, 0);
    close(run->answers);
    check_nothing_is_left();
    finish(run);
    return more;
}

static void nobody_is_passed_while_another_stands_still(void **state) {
    static const struct scenario leaving = {.name = "gives up behind a reader", .act = gives_up};
    struct run run = {.scenario = &leaving, .seen = malloc(shared_bytes())};
    uint64_t steps = 0;
    (void)state;
    assert_non_null(run.seen);
    while (queue_behind_a_leaving(&run, steps))
        steps += every_instruction ? 1 : 4; /* from a look to what follows from it there are more */
    print_message("a writer queued at each of %u steps of another's leaving\n", (unsigned)steps);
    assert_true(steps > 20);
    free(run.seen);
}

static const struct scenario scenarios[] = {
    {.name = "reads", .act = reads, .events = 2},
    {.name = "writes", .act = writes, .events = 3},
    {.name = "writes, a reader survives", .act = writes, .survivor_reads = true, .events = 3},
    {.name = "writes two regions", .act = writes_both, .both = true, .events = 4},
    {.name = "downgrades", .act = downgrades, .events = 3},
    {.name = "poisons", .act = poisons, .events = 4},
    {.name = "resets", .act = resets, .poisoned = true, .events = 2},
    {.name = "queues to write", .slow = true, .act = writes, .held = 'r', .events = 8},
    {.name = "queues to read", .slow = true, .act = reads, .held = 'w', .events = 6},
    {.name = "gives up", .slow = true, .act = gives_up, .held = 'w', .events = 6},
    {.name = "reads and leaves a waiting writer", .act = reads, .waits_already = true, .events = 2},
    {.name = "writes and leaves a waiting writer", .act = writes, .waits_already = true, .events = 2},
    {.name = "writes and leaves a waiting reader", .act = writes, .waits_already = true, .survivor_reads = true,
     .events = 2},
    {.name = "recovers another who died", .slow = true, .act = recovers, .another_died = true, .events = 6},
    {.name = "joins and reads", .act = reads, .joins = true, .events = 2},
};

static void at_every_step(void **state) {
    survive_all_deaths(*state);
}

static bool can_trace(void) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(77);
        raise(SIGSTOP);
        _exit(0);
    }
    bool can = waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status) &&
               ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, __WALL);
    return can;
}

static void no_steps(void **state) {
    (void)state;
    skip_because("this system does not let a process follow its child (ptrace)");
}

int main(int argc, char **argv) {
    enum { COUNT = sizeof scenarios / sizeof *scenarios };
    struct CMUnitTest tests[COUNT + 1];
    const struct CMUnitTest none[] = {cmocka_unit_test(no_steps)};
    every_instruction = argc > 1 && strcmp(argv[1], "all") == 0;
    notes = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (notes == MAP_FAILED)
        return 1;
    if (!can_trace())
        return cmocka_run_group_tests_name("sync_steps", none, NULL, NULL);
    for (size_t i = 0; i < COUNT; i++)
        tests[i] = (struct CMUnitTest){
            .name = scenarios[i].name, .test_func = at_every_step, .initial_state = (void *)(uintptr_t)&scenarios[i]};
    tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(nobody_is_passed_while_another_stands_still);
    return cmocka_run_group_tests_name("sync_steps", tests, NULL, NULL);
}

#else

static void no_steps(void **state) {
    (void)state;
    skip_because("steps are followed on x86-64 only");
}

int main(void) {
    const struct CMUnitTest none[] = {cmocka_unit_test(no_steps)};
    return cmocka_run_group_tests_name("sync_steps", none, NULL, NULL);
}

#endif
