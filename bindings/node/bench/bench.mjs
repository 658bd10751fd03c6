// What the binding adds to the C library. C and JavaScript take turns, call by call: C in a process of its own that waits
// in between; a ratio is the median of the pairs' quotients.
//   TRIPOINT_LIB_DIR=…/build/src node bench/bench.mjs [webgpu|host [PAIRS]]
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createZeroCopyPipeline, ImageData, version, ZeroCopyImagePipeline } from '../lib/index.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const lib = process.env.TRIPOINT_LIB_DIR ?? `${here}../../../build/src`;
const include = process.env.TRIPOINT_INCLUDE_DIR ?? `${here}../../../include`;
const pixels = process.argv[2] ?? 'webgpu';
const pairs = Number(process.argv[3] ?? 101);
const [width, height] = [1920, 1080];

const sorted = (list) => [...list].sort((a, b) => a - b);
const at = (list, share) => sorted(list)[Math.min(list.length - 1, Math.floor(list.length * share))];
const median = (list) => at(list, 0.5);
const now = () => Number(process.hrtime.bigint());

mkdirSync(`${here}../build`, { recursive: true });
execFileSync('cc', ['-O2', '-o', `${here}../build/baseline`, `${here}baseline.c`, '-I', include, '-L', lib,
  `-Wl,-rpath,${lib}`, '-ltripoint']);
const child = spawn(`${here}../build/baseline`, [pixels === 'host' ? 'cutout-host' : 'cutout'],
  { stdio: ['pipe', 'pipe', 'ignore'] });
const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
async function inC(line) {
  child.stdin.write(`${line}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error('the C side ended');
  return Number(value);
}

async function timed(call) {
  const begin = now();
  await call();
  return now() - begin;
}

async function medianOf(calls, call) {
  const times = [];
  for (let i = 0; i < calls; i++) times.push(await timed(call));
  return median(times);
}

async function compare(count, c, js) {
  const taken = { c: [], js: [], ratio: [] };
  for (let i = -3; i < count; i++) { // the first turns warm up
    const [one, other] = i % 2 ? [await c(), await js()] : [await js(), await c()].reverse();
    if (i < 0) continue;
    taken.c.push(one);
    taken.js.push(other);
    taken.ratio.push(other / one);
  }
  return taken;
}

const us = (ns) => `${(ns / 1e3).toFixed(1)} µs`;
const ms = (ns) => `${(ns / 1e6).toFixed(2)} ms`;
const say = (what, { c, js, ratio }) => console.log(`  ${what}: ${ms(median(js))}, C ${ms(median(c))}, ×${median(ratio).toFixed(3)} ` +
  `(p25 ${at(ratio, 0.25).toFixed(3)}, p75 ${at(ratio, 0.75).toFixed(3)})`);

console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, Tripoint ${version}`);
const arena = createZeroCopyPipeline();
const region = arena.allocateShared(256, { shape: [8, 8, 4] });
const stages = [{ technology: 'host', operation: 'vignette', input: region, output: region }];
const big = arena.allocateShared(1 << 28);
const views = [];
for (const name of ['getWasmView', 'getGPUView', 'getNPUView'])
  views.push(`${name} ${us(await medianOf(5000, () => { arena[name](big); }))}`);
console.log(`views over 256 MiB: ${views.join(', ')} (a turn of the microtask queue included)`);

const small = await compare(21, () => inC('execute 500'), () => medianOf(500, () => arena.executeZeroCopy(stages)));
console.log(`executeZeroCopy, one stage of 8 × 8: ${us(median(small.js))}, C ${us(median(small.c))}, more by ` +
  us(median(small.js.map((js, i) => js - small.c[i]))));

console.log(`processImage ${width} × ${height}, ${pixels}, ${pairs} pairs:`);
const pipeline = new ZeroCopyImagePipeline({ pixels });
const photo = new ImageData(width, height);
photo.data.forEach((_, i, data) => { data[i] = (i * 31) >> 3; });
const reused = new ImageData(width, height);
say('into memory used before', await compare(pairs, () => inC('reused'),
  () => timed(() => pipeline.processImage(photo, { into: reused }))));
say('into new memory', await compare(pairs, () => inC('fresh'), () => timed(() => pipeline.processImage(photo))));
const [inside, into] = [pipeline.createImageData(width, height), pipeline.createImageData(width, height)];
inside.data.set(photo.data);
say('in the arena, no copy', await compare(pairs, () => inC('reused'), () => timed(() => pipeline.processImage(inside, { into }))));

// How long the event loop is kept from its other work: the longest time between two of its turns, for each image.
async function longestTurn(call) {
  let [last, longest, running] = [now(), 0, true];
  const turn = () => {
    const time = now();
    longest = Math.max(longest, time - last);
    last = time;
    if (running) setImmediate(turn);
  };
  setImmediate(turn);
  await call();
  running = false;
  return longest;
}
for (const [what, call] of [['nothing but itself', () => new Promise((done) => { setTimeout(done, 10); })],
  ['processImage', () => pipeline.processImage(photo, { into: reused })]]) {
  const longest = [];
  for (let i = 0; i < 31; i++) longest.push(await longestTurn(call));
  console.log(`the event loop's longest turn, ${what}: ${us(median(longest))} (p95 ${us(at(longest, 0.95))})`);
}
arena.destroy();
pipeline.arena.destroy();
child.stdin.end();
