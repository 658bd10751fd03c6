// What the tests share.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createZeroCopyPipeline, TripointError } from 'tripoint';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const RGBA = (height, width) => ({ shape: [height, width, 4], dataType: 'uint8' });

/** An image region, grey all over. */
export function image(arena, height, width, value = 128) {
  const handle = arena.allocateShared(height * width * 4, RGBA(height, width));
  arena.getWasmView(handle).fill(value);
  return handle;
}

export const throwsCode = (call, code) =>
  assert.throws(call, (error) => error instanceof TripointError && error.code === code);
export const rejectsCode = (promise, code) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof TripointError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });

/** Skips the test, aloud, where an engine is absent; anything but absence fails it. */
export async function wants(test, ...technologies) {
  for (const technology of technologies) {
    try {
      await createZeroCopyPipeline().engine(technology);
    } catch (error) {
      if (error.code !== 'ENGINE_UNAVAILABLE') throw error;
      test.skip(error.message.split('\n')[0]);
      return false;
    }
  }
  return true;
}

export function runNode(args, env = {}) {
  const child = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } });
  return { status: child.status, signal: child.signal, stdout: child.stdout, stderr: child.stderr };
}

/** Lets finalizers and promises come by until `met` holds; the test's own time limit ends a hopeless wait. */
export async function until(met) {
  while (!met()) await new Promise((done) => setImmediate(done));
}

/** Counts the turns of the event loop until its answer is called, which gives their number. */
export function turnsOfTheLoop() {
  let turns = 0;
  let running = true;
  const count = () => {
    turns++;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  return () => {
    running = false;
    return turns;
  };
}
