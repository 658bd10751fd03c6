// Tripoint for TypeScript. GPUBuffer and ImageData are those of TypeScript's dom library or of @webgpu/types, where the
// program has them; MLTensor is declared after the WebNN specification.

declare global {
  interface AbortSignal {}
  interface GPUBuffer {}
  interface ImageData {}
  interface MLTensor {
    readonly dataType: 'float32' | 'float16' | 'int32' | 'uint32' | 'int64' | 'uint64' | 'int8' | 'uint8';
    readonly shape: ReadonlyArray<number>;
    readonly readable: boolean;
    readonly writable: boolean;
    readonly constant: boolean;
    destroy(): void;
  }
}

export type Technology = 'wasm' | 'webgpu' | 'webnn';
/** WebNN's names; `uint16`, `int16` and `float64` are the arena's own and have no MLTensor in WebNN. */
export type DataType = 'uint8' | 'int8' | 'uint16' | 'int16' | 'float16' | 'uint32' | 'int32' | 'float32' | 'uint64'
  | 'int64' | 'float64';
export type Kind = 'bytes' | 'image' | 'mask' | 'tensor' | 'boxes' | 'nv12' | 'i420';

/** What a region holds. An image is `{ shape: [height, width, 4], dataType: 'uint8' }`. */
export interface Layout {
  shape: number[];
  /** Default: `'uint8'`. */
  dataType?: DataType;
  /** Default: an image for up to 4 bytes a pixel, a mask for `[height, width, 1]` float32, else a tensor. */
  kind?: Kind;
}

export interface AllocateOptions extends Layout {
  /** The region's name in errors and in the ledger. */
  label?: string;
  /** Touch the pages now rather than at first use. */
  prefault?: boolean;
}

/** A region of an arena. Forgotten ones are freed by garbage collection. */
export declare class SharedMemoryHandle {
  private constructor();
  private readonly madeByAnArena: true;
  readonly size: number;
}

/** Numbers, words, switches and vectors. */
export type Params = Record<string, number | string | boolean | readonly number[]>;

export interface PipelineStage {
  technology: Technology | 'host';
  /** A built-in one, or a file: `'./glow.wgsl'`, from the current folder (docs/your-operations.md). */
  operation: string;
  input: SharedMemoryHandle;
  output: SharedMemoryHandle;
  /** All inputs in order, instead of `input`; `null` leaves one to be bound by its kind. */
  inputs?: (SharedMemoryHandle | null)[];
  /** All outputs in order, instead of `output`. */
  outputs?: SharedMemoryHandle[];
  /** The operation's parameters; the others have their defaults. */
  params?: Params;
  /** Shown in errors. Default: the operation's name. */
  name?: string;
}

export interface WaitOptions {
  signal?: AbortSignal;
  /** Milliseconds. */
  timeout?: number;
}

export interface RunOptions extends WaitOptions {
  /** A copy between stages is an error, unless this is true. */
  allowCopies?: boolean;
}

/** What a GPUBuffer of this package has, whatever `GPUBuffer` is in your program. */
export interface SharedGPUBuffer {
  label: string;
  readonly size: number;
  readonly usage: number;
  readonly mapState: 'unmapped' | 'pending' | 'mapped';
  /** Waits for the region and claims it. `mode`: GPUMapMode.READ or GPUMapMode.WRITE. */
  mapAsync(mode: number, offset?: number, size?: number, options?: WaitOptions): Promise<undefined>;
  /** The region's own bytes. Detached by unmap(). */
  getMappedRange(offset?: number, size?: number): ArrayBuffer;
  /** Gives the claim back. */
  unmap(): undefined;
  /** Ends this view; the region stays. */
  destroy(): undefined;
}

export interface SharedMLTensor {
  /** The tensor's numbers, over the region's own bytes. */
  readonly data: Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array
    | Float64Array | BigUint64Array | BigInt64Array;
}

export interface ZeroCopyPipeline {
  allocateShared(size: number, layout?: AllocateOptions): SharedMemoryHandle;
  freeShared(handle: SharedMemoryHandle): void;
  getWasmView(handle: SharedMemoryHandle): Uint8Array;
  getGPUView(handle: SharedMemoryHandle): GPUBuffer & SharedGPUBuffer;
  getNPUView(handle: SharedMemoryHandle): MLTensor & SharedMLTensor;
  executeZeroCopy(stages: PipelineStage[], options?: RunOptions): Promise<void>;
}

export interface LedgerSum {
  bytes: number;
  copies: number;
}

export interface LedgerLine extends LedgerSum {
  place: 'border' | 'between';
  stage: string;
  region: string;
  cause: string;
}

export interface Ledger {
  /** In and out of the arena. */
  border: LedgerSum;
  /** Between stages: what zero-copy promises not to do. */
  between: LedgerSum;
  lines: LedgerLine[];
}

export interface RegionState {
  /** IDLE 0, WASM_WRITING 1, GPU_READING 2, GPU_WRITING 3, NPU_READING 4, NPU_WRITING 5, … */
  state: number;
  name: string;
  readers: Record<Technology | 'host', number>;
  waitingReaders: number;
  waitingWriters: number;
  poisoned: boolean;
  cause?: TripointError;
}

export interface ArenaStats {
  capacityBytes: number;
  segmentBytes: number;
  usedBytes: number;
  highWaterBytes: number;
  largestFreeBytes: number;
  regions: number;
  doomed: number;
  segments: number;
  views: number;
  /** The most calls of this environment that were at work at once. */
  runningMost: number;
}

export interface EngineInfo {
  technology: Technology | 'host';
  library: string;
  version: string;
  libraryPath: string;
  device: string;
  driver: string;
  sharesMemory: boolean;
  sharing: string;
}

export interface Parameter {
  name: string;
  type: 'integer' | 'number' | 'choice' | 'text';
  default: number | string;
  /** Of numbers. */
  minimum?: number;
  maximum?: number;
  /** Of a choice: `'bilinear|area'`. */
  choices?: string;
  help: string;
}

export interface Operation {
  name: string;
  summary: string;
  /** The arithmetic that every engine follows. */
  definition: string;
  /** How far any engine's output may be from the host's; 0: not a bit. */
  tolerance: number;
  inPlace: boolean;
  params: Parameter[];
  operands: { name: string; access: 'read' | 'write'; kind: Kind; help: string }[];
  technologies: (Technology | 'host')[];
}

export interface ArenaOptions {
  /** The most bytes of regions at once. Default: 8 GiB of address space. */
  capacity?: number;
  /** `'private'` for GPU drivers that refuse shared memory. Default: `'memfd'`. */
  backing?: 'memfd' | 'private';
  hugePages?: boolean;
  label?: string;
  /** WebGPU on the CPU driver even when a GPU answers. */
  cpuDriver?: boolean;
  /** Threads of the neural network; 0 lets it choose. */
  threads?: number;
}

/** Stages that were checked and prepared once. One run at a time. */
export declare class Plan {
  private constructor();
  run(options?: RunOptions): Promise<void>;
}

export declare class SharedMemoryArena implements ZeroCopyPipeline {
  constructor(options?: ArenaOptions | number);
  allocateShared(size: number, layout?: AllocateOptions): SharedMemoryHandle;
  freeShared(handle: SharedMemoryHandle): void;
  getWasmView(handle: SharedMemoryHandle): Uint8Array;
  getGPUView(handle: SharedMemoryHandle): GPUBuffer & SharedGPUBuffer;
  getNPUView(handle: SharedMemoryHandle): MLTensor & SharedMLTensor;
  executeZeroCopy(stages: PipelineStage[], options?: RunOptions): Promise<void>;
  prepare(stages: PipelineStage[]): Promise<Plan>;
  getLayout(handle: SharedMemoryHandle): Required<Layout>;
  setLayout(handle: SharedMemoryHandle, layout: Layout): void;
  getState(handle: SharedMemoryHandle): RegionState;
  /** Lifts the poison that a failed stage left. */
  reset(handle: SharedMemoryHandle): void;
  readonly ledger: Ledger;
  resetLedger(): void;
  readonly stats: ArenaStats;
  /** Opens the engine, where it is not open, and tells what it is. */
  engine(technology: Technology | 'host'): Promise<EngineInfo>;
  /** One byte as the technology itself sees it, through its native view. */
  peek(technology: Technology | 'host', handle: SharedMemoryHandle, offset: number): Promise<number>;
  poke(technology: Technology | 'host', handle: SharedMemoryHandle, offset: number, value: number): Promise<void>;
  destroy(): void;
}

export interface OperationOptions extends RunOptions {
  /** Inputs after the first: the mask of `apply_mask`. */
  inputs?: SharedMemoryHandle[];
  params?: Params;
}

declare abstract class Engine {
  constructor(arena?: SharedMemoryArena);
  readonly arena: SharedMemoryArena;
  executeOperation(operation: string, input: SharedMemoryHandle, output: SharedMemoryHandle,
    options?: OperationOptions): Promise<void>;
  info(): Promise<EngineInfo>;
  readonly operations: Operation[];
  peek(handle: SharedMemoryHandle, offset: number): Promise<number>;
  poke(handle: SharedMemoryHandle, offset: number, value: number): Promise<void>;
}
export declare class WasmEngine extends Engine {}
export declare class WebGPUContext extends Engine {}
export declare class WebNNContext extends Engine {}

/** RGBA, 8 bits a channel. */
export interface ImagePixels {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface ResultImage extends ImagePixels {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly colorSpace: 'srgb';
}

/** What this package makes: the program's own ImageData where it has one. */
export type ImageData = globalThis.ImageData & ResultImage;

/** The person cut out of a picture: its mask becomes the alpha channel. */
export declare class ZeroCopyImagePipeline {
  constructor(options?: { arena?: SharedMemoryArena; pixels?: 'webgpu' | 'host' } | SharedMemoryArena);
  readonly arena: SharedMemoryArena;
  readonly ledger: Ledger;
  /** An image in the arena: processImage() then copies nothing. */
  createImageData(width: number, height: number): ImageData;
  /** Pixels are copied in and the result out; neither for an image in the arena. Leave the pixels as they are until the
   * promise settles. `into`: an image of the same size (and place) for the result, which saves new memory. */
  processImage(imageData: ImagePixels, options?: WaitOptions & CopyOptions & { into?: ImagePixels }): Promise<ImageData>;
  destroy(): void;
}

export interface CopyOptions {
  /** Hands the input's memory over (its ArrayBuffer is detached), so that it is copied beside the event loop. */
  transfer?: boolean;
}

export type TypedArray = Uint8Array | Uint8ClampedArray | Int8Array | Uint16Array | Int16Array | Uint32Array
  | Int32Array | Float32Array | Float64Array | BigUint64Array | BigInt64Array;

/** What a region of a pipeline holds, in memory of JavaScript's. */
export interface Value {
  data: TypedArray;
  shape: number[];
  /** Default: the array's own element type. */
  dataType?: DataType;
  kind?: Kind;
}

/** A pipeline in its JSON form (docs/pipelines.md). */
export declare class Pipeline {
  private constructor();
  /** A shipped pipeline's name, a path (with a `/`, or ending in `.json`), or the pipeline itself as an object.
   * `params` override the stages' own: `{ 'resize.width': 256 }`, the stage by name or by number from 0. */
  static load(pipeline: string | object, options?: { arena?: SharedMemoryArena; params?: Record<string, number | string> }):
    Promise<Pipeline>;
  readonly name: string;
  /** The first input's name, and the first output's. */
  readonly input: string;
  readonly output: string;
  readonly arena: SharedMemoryArena;
  readonly ledger: Ledger;
  /** One frame: its input, or all of them by name; they are copied in and the result out. RGBA comes as an ImageData.
   * Frames run one at a time, in the order in which they were given. */
  run(input: ImagePixels | Value | Record<string, ImagePixels | Value>, options: RunOptions & CopyOptions & { outputs: string[] }):
    Promise<Record<string, ImageData | Required<Value>>>;
  run<Result extends ImageData | Required<Value> = ImageData>(
    input: ImagePixels | Value | Record<string, ImagePixels | Value>, options?: RunOptions & CopyOptions): Promise<Result>;
}

/** The runtime's own ImageData, or one like it. */
export declare const ImageData: {
  prototype: ImageData;
  new (width: number, height: number): ImageData;
  new (data: Uint8ClampedArray<ArrayBuffer>, width: number, height?: number): ImageData;
};

export type ErrorCode = 'INVALID_ARGUMENT' | 'NO_MEMORY' | 'BAD_HANDLE' | 'BAD_CLAIM' | 'BUSY' | 'TIMEOUT' | 'CANCELLED'
  | 'WOULD_DEADLOCK' | 'POISONED' | 'LIMIT' | 'NOT_FOUND' | 'PARSE' | 'BAD_PIPELINE' | 'BAD_IMAGE' | 'BAD_MODEL'
  | 'BAD_SHADER' | 'BAD_MODULE' | 'ENGINE_UNAVAILABLE' | 'ENGINE_FAILED' | 'DEVICE_LOST' | 'TRAP' | 'COPY_REFUSED' | 'IO'
  | 'UNSUPPORTED' | 'PERMISSION' | 'INTERNAL';

export declare class TripointError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly engine?: string;
  readonly stage?: string;
  readonly region?: string;
  readonly engineCode?: number;
}

export declare const GPUMapMode: { readonly READ: 1; readonly WRITE: 2 };
export declare const GPUBufferUsage: { readonly MAP_READ: 1; readonly MAP_WRITE: 2; readonly COPY_SRC: 4;
  readonly COPY_DST: 8; readonly UNIFORM: 64; readonly STORAGE: 128 };
/** The C headers' numbers. */
export declare const constants: {
  readonly status: Record<ErrorCode | 'OK', number>;
  readonly dtype: Record<string, number>;
  readonly technology: Record<Technology | 'host', number>;
  readonly state: Record<string, number>;
  readonly kind: Record<Kind, number>;
  readonly version: string;
  readonly headers: string;
  readonly pageBytes: number;
  readonly segmentMaxBytes: number;
  readonly maxRank: number;
  readonly maxOperands: number;
  readonly maxStages: number;
};
export declare const version: string;
export declare function createZeroCopyPipeline(options?: ArenaOptions | number): SharedMemoryArena;
export declare function operations(): Operation[];
