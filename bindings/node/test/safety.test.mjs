import assert from 'node:assert/strict';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import * as tripoint from 'tripoint';
import { image, runNode, wants } from './kit.mjs';

// A small generator with a seed, so that a failure can be had again.
function random(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const strange = (arena, handles) => [
  undefined, null, true, 0, -1, 1, 1.5, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 32, 2 ** 53, Number.MAX_VALUE, 1n, -(1n << 70n),
  '', 'resize', 'host', 'webnn', '\0', 'x'.repeat(70000), '\ud800', Symbol('s'), () => 1, {}, [], [[]], new Proxy({}, {}),
  Object.create(null), new Date(), /x/, new Uint8Array(4), new ArrayBuffer(8), new SharedArrayBuffer(8), new Map(),
  new DataView(new ArrayBuffer(4)), arena, ...handles, Object.create(handles[0]), { shape: [1, 2, 3], dataType: 'float32' },
  { shape: [NaN, -1, 2 ** 53] }, { shape: Array(100).fill(1) }, { shape: 'abc' }, { signal: 3 }, { timeout: -1 },
  { timeout: 1 }, { get shape() { throw new Error('no'); } }, { length: 1e9 },
  [{ technology: 'host', operation: 'vignette', input: handles[0], output: handles[0] }],
  [{ technology: 'host', operation: 'resize', input: handles[0], output: handles[1], params: { width: NaN, height: 'x' } }],
  [{ technology: 'host', operation: 'resize', inputs: Array(9).fill(handles[0]), outputs: [] }],
  Array(300).fill({ technology: 'host', operation: 'vignette', input: handles[0], output: handles[0] }),
  new tripoint.ImageData(2, 2), { photo: new tripoint.ImageData(4, 4) }, { transfer: true }, { outputs: ['photo-2'] }, DARKER,
];

const DARKER = {
  inputs: { photo: { kind: 'image' } }, outputs: ['photo-2'],
  stages: [{ technology: 'host', operation: 'vignette', input: 'photo', output: 'photo-2' }],
};

async function settle(call) {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof Error, String(error));
  }
}

test('strange arguments are answered with errors, never a crash', async () => {
  const pick = random(20260101);
  for (let round = 0; round < 40; round++) {
    const arena = tripoint.createZeroCopyPipeline({ capacity: 1 << 22 });
    const handles = [image(arena, 8, 8), image(arena, 4, 4), arena.allocateShared(100)];
    const things = strange(arena, handles);
    const pipeline = new tripoint.ZeroCopyImagePipeline({ arena, pixels: 'host' });
    const buffer = arena.getGPUView(handles[0]);
    const tensor = arena.getNPUView(handles[0]);
    const loaded = await tripoint.Pipeline.load(DARKER, { arena });
    const targets = [arena, buffer, tensor, new tripoint.WasmEngine(arena), pipeline, loaded];
    const calls = [];
    for (let i = 0; i < 100; i++) {
      const target = targets[pick(targets.length)];
      const names = Object.getOwnPropertyNames(Object.getPrototypeOf(target))
        .filter((name) => name !== 'constructor' && !(name === 'processImage' && pick(4)));
      const name = names[pick(names.length)];
      const args = Array.from({ length: pick(5) }, () => things[pick(things.length)]);
      if (name === 'destroy' && target === arena && pick(8)) continue;
      if (name === 'engine' || name === 'peek' || name === 'poke') args[0] = pick(2) ? 'host' : args[0];
      const found = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(target), name);
      const receiver = pick(10) ? target : things[pick(things.length)];
      calls.push(settle(() => Reflect.apply(found.value ?? found.get, receiver, args)));
    }
    buffer.unmap();
    await Promise.all(calls);
    arena.destroy();
  }
});

test('constructors refuse what they can not use', () => {
  const arena = tripoint.createZeroCopyPipeline();
  for (const thing of strange(arena, [image(arena, 1, 1), image(arena, 1, 1)]))
    for (const make of [tripoint.SharedMemoryArena, tripoint.SharedMemoryHandle, tripoint.Plan, tripoint.WasmEngine,
      tripoint.WebGPUContext, tripoint.WebNNContext, tripoint.ZeroCopyImagePipeline, tripoint.ImageData, tripoint.Pipeline])
      try {
        new make(thing, thing, thing);
      } catch (error) {
        assert.ok(error instanceof Error);
      }
});

test('the addon itself refuses what is not its own', () => {
  const script = `
    const native = require('./build/tripoint.node');
    const names = Object.keys(native);
    let seed = 7;
    const pick = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    async function round() {
      const arena = native.create(0, false, false, 'a', false, 0);
      const pipeline = (await native.load(arena, undefined, ${JSON.stringify(JSON.stringify(DARKER))}, [])).box;
      await native.planPipeline(pipeline, ['photo', 0, 1, [1, 2, 4]]);
      const things = [undefined, null, 1, 1n, 'photo', {}, [], ['photo', 0, 1, [1, 2, 4]], new Uint8Array(8), arena, pipeline,
        native.pipelineRegion(pipeline, 'photo'), native.allocate(arena, 8, 'b', false, 0), native.cancellation()];
      for (let i = 0; i < 10000; i++) {
        const args = Array.from({ length: pick(7) }, () => things[pick(things.length)]);
        try {
          const result = native[names[pick(names.length)]](...args);
          if (result instanceof Promise) result.catch(() => {});
          else if (typeof result === 'object' && result && things.length < 200) things.push(result);
        } catch {}
      }
    }
    round().then(round).then(round).then(() => console.log('alive'));`;
  const { status, signal, stdout, stderr } = runNode(['-e', script]);
  assert.equal(signal, null, stderr);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /alive/);
});

test('worker threads have arenas of their own', async () => {
  const code = `
    const { parentPort } = require('node:worker_threads');
    const { createZeroCopyPipeline } = require(${JSON.stringify(new URL('../lib/index.js', import.meta.url).pathname)});
    const arena = createZeroCopyPipeline();
    const input = arena.allocateShared(64, { shape: [4, 4, 4] });
    arena.getWasmView(input).fill(9);
    arena.executeZeroCopy([{ technology: 'host', operation: 'vignette', input, output: input }])
      .then(() => parentPort.postMessage(arena.getWasmView(input).length));`;
  const answers = await Promise.all(Array.from({ length: 4 }, () => new Promise((done, failed) => {
    const worker = new Worker(code, { eval: true });
    let said;
    worker.once('message', (message) => { said = message; });
    worker.once('error', failed);
    worker.once('exit', () => done(said));
  })));
  assert.deepEqual(answers, [64, 64, 64, 64]);
});

test('a worker may be ended while it waits and works', async () => {
  const code = `
    const { parentPort } = require('node:worker_threads');
    const { createZeroCopyPipeline } = require(${JSON.stringify(new URL('../lib/index.js', import.meta.url).pathname)});
    (async () => {
      const arena = createZeroCopyPipeline();
      const input = arena.allocateShared(1 << 22, { shape: [1024, 1024, 4] });
      const held = arena.allocateShared(64, { shape: [4, 4, 4] });
      await arena.getGPUView(held).mapAsync(2);
      arena.executeZeroCopy([{ technology: 'host', operation: 'vignette', input: held, output: held }]);
      for (let i = 0; i < 10; i++)
        arena.executeZeroCopy([{ technology: 'host', operation: 'vignette', input, output: input }]);
      parentPort.postMessage('busy');
    })();`;
  for (let i = 0; i < 4; i++) {
    const worker = new Worker(code, { eval: true });
    await new Promise((done, failed) => {
      worker.once('message', done);
      worker.once('error', failed);
    });
    await worker.terminate();
  }
});

test('a process may end while work is in flight', () => {
  const script = `
    const { createZeroCopyPipeline } = require('./lib/index.js');
    const arena = createZeroCopyPipeline();
    const input = arena.allocateShared(1 << 22, { shape: [1024, 1024, 4] });
    arena.executeZeroCopy([{ technology: 'host', operation: 'vignette', input, output: input }]);
    process.exit(7);`;
  const { status, signal, stderr } = runNode(['-e', script]);
  assert.deepEqual([status, signal], [7, null], stderr);
});

test('garbage collection frees what was forgotten, and says so when asked', () => {
  const script = `
    const { createZeroCopyPipeline } = require('./lib/index.js');
    const arena = createZeroCopyPipeline();
    const kept = arena.getWasmView(arena.allocateShared(4096, { shape: [4096], label: 'kept by its view' }));
    (() => { for (let i = 0; i < 50; i++) arena.getWasmView(arena.allocateShared(8192, { shape: [8192], label: 'lost' }))[0] = 1; })();
    const again = () => {
      gc();
      if (arena.stats.regions > 1) return setImmediate(again);
      console.log(arena.stats.regions, arena.stats.usedBytes, kept.length);
    };
    again();`;
  const quiet = runNode(['--expose-gc', '-e', script]);
  assert.equal(quiet.stdout, '1 4096 4096\n', quiet.stderr);
  assert.doesNotMatch(quiet.stderr, /forgotten/);
  const told = runNode(['--expose-gc', '-e', script], { NODE_DEBUG: 'tripoint' });
  assert.equal(told.stderr.match(/region "lost" of 8192 bytes was forgotten/g)?.length, 50);
});

test('a pipeline that was forgotten gives its regions back', () => {
  const script = `
    const { createZeroCopyPipeline, ImageData, Pipeline } = require('./lib/index.js');
    const arena = createZeroCopyPipeline();
    const once = async () => {
      const pipeline = await Pipeline.load(${JSON.stringify(DARKER)}, { arena });
      await pipeline.run(new ImageData(64, 64));
      return arena.stats.regions;
    };
    once().then((regions) => {
      const again = () => {
        gc();
        if (arena.stats.regions > 0) return setImmediate(again);
        console.log(regions, arena.stats.usedBytes);
      };
      again();
    });`;
  const { stdout, stderr } = runNode(['--expose-gc', '-e', script]);
  assert.equal(stdout, '2 0\n', stderr);
});

test("JavaScript's own WebAssembly still traps when the wasm engine has its signal handlers", async (t) => {
  if (!(await wants(t, 'wasm'))) return;
  // (module (memory 1) (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))
  const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 8, 1,
    4, 108, 111, 97, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 40, 2, 0, 11]);
  const { load } = (await WebAssembly.instantiate(bytes)).instance.exports;
  const arena = tripoint.createZeroCopyPipeline();
  const region = image(arena, 4, 4, 5);
  assert.equal(await arena.peek('wasm', region, 3), 5);
  assert.throws(() => load(0x7fffffff), WebAssembly.RuntimeError);
  assert.equal(load(0), 0);
  assert.equal(await arena.peek('wasm', region, 3), 5);
  arena.destroy();
});
