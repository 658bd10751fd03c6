#include "engine/wasm/watchdog.h"

#include "base/atomic.h"
#include "base/status.h"
#include "base/sys.h"

/* With the lock held. The epoch is moved under it, so a call that has ended is never the reason why the next one is
 * interrupted. Relaxed is enough for the bell: what it announces is read under the lock. */
static uint64_t look(struct trii_watchdog *dog) {
    uint64_t now = trii_sys_now_ns();
    if (now >= dog->deadline) {
        dog->bite(dog->engine);
        dog->deadline = TRI_FOREVER;
    }
    dog->looks_at = dog->deadline;
    return dog->looks_at == TRI_FOREVER ? TRI_FOREVER : dog->looks_at - now;
}

static void watch(void *user) {
    struct trii_watchdog *dog = user;
    pthread_mutex_lock(&dog->lock);
    while (!dog->stop) {
        uint64_t sleep_ns = look(dog);
        uint32_t seen = trii_load_relaxed(&dog->bell);
        pthread_mutex_unlock(&dog->lock);
        trii_sys_futex_wait(&dog->bell, seen, sleep_ns, false);
        pthread_mutex_lock(&dog->lock);
        dog->looks_at = 0;
    }
    pthread_mutex_unlock(&dog->lock);
}

static void ring(struct trii_watchdog *dog) {
    trii_add_relaxed(&dog->bell, 1);
    trii_sys_futex_wake(&dog->bell, 1, false);
}

tri_status trii_watchdog_open(struct trii_watchdog *dog, const struct trii_wasmtime *w, wasm_engine_t *engine,
                              struct tri_error *err) {
    *dog = (struct trii_watchdog){
        .bite = w->wasmtime_engine_increment_epoch, .engine = engine, .deadline = TRI_FOREVER};
    pthread_mutex_init(&dog->lock, NULL);
    int failed = trii_sys_thread_start(&dog->thread, "tri-wasm-dog", watch, dog);
    if (failed) {
        pthread_mutex_destroy(&dog->lock);
        return trii_fail_errno(err, TRI_ENGINE_UNAVAILABLE, failed,
                               "the thread that ends guests which run too long can't be started");
    }
    return TRI_OK;
}

void trii_watchdog_close(struct trii_watchdog *dog) {
    if (!dog->thread)
        return;
    pthread_mutex_lock(&dog->lock);
    dog->stop = true;
    ring(dog);
    pthread_mutex_unlock(&dog->lock);
    trii_sys_thread_join(&dog->thread);
    pthread_mutex_destroy(&dog->lock);
}

void trii_watchdog_begin(struct trii_watchdog *dog, uint64_t limit_ns) {
    uint64_t deadline = trii_sys_deadline(limit_ns);
    pthread_mutex_lock(&dog->lock);
    dog->deadline = deadline;
    if (deadline < dog->looks_at)
        ring(dog);
    pthread_mutex_unlock(&dog->lock);
}

void trii_watchdog_end(struct trii_watchdog *dog) {
    pthread_mutex_lock(&dog->lock);
    dog->deadline = TRI_FOREVER;
    pthread_mutex_unlock(&dog->lock);
}
