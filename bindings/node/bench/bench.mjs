// What the binding adds to the C library: medians, C and JavaScript in turns within one run.
//   TRIPOINT_LIB_DIR=…/build/src node bench/bench.mjs [webgpu|host [ROUNDS]]
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createZeroCopyPipeline, ImageData, ZeroCopyImagePipeline } from '../lib/index.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const lib = process.env.TRIPOINT_LIB_DIR ?? `${here}../../../build/src`;
const include = process.env.TRIPOINT_INCLUDE_DIR ?? `${here}../../../include`;
const pixels = process.argv[2] ?? 'webgpu';
const rounds = Number(process.argv[3] ?? 7);
const [width, height] = [1920, 1080];

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const now = () => Number(process.hrtime.bigint());

mkdirSync(`${here}../build`, { recursive: true });
execFileSync('cc', ['-O2', '-o', `${here}../build/baseline`, `${here}baseline.c`, '-I', include, '-L', lib,
  `-Wl,-rpath,${lib}`, '-ltripoint']);

function baseline() {
  const text = execFileSync(`${here}../build/baseline`, [pixels === 'host' ? 'cutout-host' : 'cutout'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return Object.fromEntries(text.trim().split('\n').map((line) => line.split(' ')).map(([name, ns]) => [name, Number(ns)]));
}

async function timed(calls, call) {
  const times = [];
  for (let i = 0; i < calls; i++) {
    const begin = now();
    await call(i);
    times.push(now() - begin);
  }
  return median(times);
}

async function javascript() {
  const arena = createZeroCopyPipeline();
  const region = arena.allocateShared(256, { shape: [8, 8, 4] });
  const stages = [{ technology: 'host', operation: 'vignette', input: region, output: region }];
  const big = arena.allocateShared(1 << 28);
  const result = {
    wasmView: await timed(3000, () => { arena.getWasmView(big); }),
    gpuView: await timed(3000, () => { arena.getGPUView(big); }),
    npuView: await timed(3000, () => { arena.getNPUView(big); }),
    execute: await timed(3000, () => arena.executeZeroCopy(stages)),
  };
  const pipeline = new ZeroCopyImagePipeline({ pixels });
  const photo = new ImageData(width, height);
  photo.data.forEach((_, i, data) => { data[i] = (i * 31) >> 3; });
  await timed(5, () => pipeline.processImage(photo));
  result.fresh = await timed(25, () => pipeline.processImage(photo));
  const reused = new ImageData(width, height);
  result.reused = await timed(25, () => pipeline.processImage(photo, { into: reused }));
  const inside = pipeline.createImageData(width, height);
  const into = pipeline.createImageData(width, height);
  inside.data.set(photo.data);
  await timed(5, () => pipeline.processImage(inside, { into }));
  result.inArena = await timed(25, () => pipeline.processImage(inside, { into }));
  pipeline.arena.destroy();
  arena.destroy();
  return result;
}

const all = [];
for (let i = 0; i < rounds; i++) all.push({ c: baseline(), js: await javascript() });
const of = (side, name) => median(all.map((round) => round[side][name]));
const us = (ns) => `${(ns / 1000).toFixed(1)} µs`;
const ratio = (name) => median(all.map((round) => round.js[name] / round.c[name])).toFixed(3);
console.log(`views, O(1), over 256 MiB: wasm ${us(of('js', 'wasmView'))}, gpu ${us(of('js', 'gpuView'))}, ` +
  `npu ${us(of('js', 'npuView'))} (a turn of the event loop included)`);
console.log(`executeZeroCopy, a stage of 8 × 8: ${us(of('js', 'execute'))}, C ${us(of('c', 'execute'))}, more by ` +
  `${us(of('js', 'execute') - of('c', 'execute'))}`);
console.log(`processImage ${width} × ${height}, ${pixels}:`);
for (const [name, what] of [['fresh', 'into new memory'], ['reused', 'into memory used before']])
  console.log(`  ${what}: ${us(of('js', name))}, C ${us(of('c', name))}, median of the rounds' ratios ${ratio(name)}`);
console.log(`  in the arena, no copy: ${us(of('js', 'inArena'))}`);
