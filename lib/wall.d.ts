/**
 * The wall to the native module, as this folder sees it. What `#[napi]` exports stands in the
 * generated native.d.ts; the functions here are raw Node-API ones, which no generator knows.
 *
 * A word is `string | number | Buffer`, or `undefined` or `null`, which are empty; with any other the
 * call answers ODD and has done nothing.
 * An answer is the reply itself (`string | number | Buffer | null`), `undefined` for the status
 * OK, or `true`: then `state` says what there is to read, see reply.js and loop.js.
 */
export interface Wall {
  /** Memory for the arrays of `attach`. */
  memory(bytes: number): ArrayBuffer
  /** Once per thread: what both sides share, and what the event loop calls when events wait. */
  attach(state: Int32Array, tokens: Float64Array, onWake: () => void): undefined | true
  /** A client of a store; its handle, or `true` for an error. `protocol` chooses the shapes. */
  connect(storeId: number, db: number, protocol: 2 | 3): number | true
  /** Makes a client that was just connected a user; `true` for an error. */
  logIn(handle: number, username: string, password: string): undefined | true
  /** Drops a client with its waits, watches and subscriptions; a handle may be dropped twice. */
  disconnect(handle: number): void
  /** A command by its `place`, the client's with the id added (`placeOf`), and up to eight words. */
  call(place: number, ...words: unknown[]): Answer
  /** The same with up to 128 words. */
  callMany(place: number, ...words: unknown[]): Answer
  /** Any number of words; with the id 0xffff the first is the command's name. */
  callArray(place: number, words: unknown[]): Answer
  /** What the last answer `true` left behind: see reply.js. */
  take(list?: unknown[] | ((...batch: unknown[]) => void), tokens?: Float64Array): string | Buffer
  /** The next event that waits for this thread; `state[5]` says of what kind it is. */
  next(): Answer
  /** The positions of the keys among the words of a command. */
  keyPositions(id: number, words: unknown[]): number[]
  /** Messages to this client come as Buffers from now on, or no longer so. */
  pushBuffers?(handle: number, wanted: 0 | 1): void
  /** Keeps the event loop alive, or lets it end. */
  hold(): void
  release(): void
  commandTable(): string
  defaultStore(): import('../native').Store
  Store: typeof import('../native').Store
  Listener: typeof import('../native').Listener
  wordsOfLine: typeof import('../native').wordsOfLine
}

export type Answer = string | number | Buffer | null | undefined | true
