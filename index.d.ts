/// <reference types="node" />

import type { EventEmitter } from 'node:events'
import type { Readable, ReadableOptions } from 'node:stream'
import type { Commands } from './types/commands'
import type * as shapes from './types/shapes'

/**
 * A client of the Redis inside this process, with the face of ioredis: every command is a method
 * in lower case that answers a promise, its `Buffer` twin answers Buffers, and a callback may stand
 * last.
 *
 * ```ts
 * import Redis from 'latchkey'
 *
 * const redis = new Redis()
 * await redis.set('greeting', 'hello', 'EX', 60)
 * await redis.get('greeting') // 'hello'
 * ```
 *
 * Clients made without an address share one store per process, worker threads included. A reply
 * that is an error rejects with a {@link Redis.ReplyError}, whose message has the server's words
 * (`WRONGTYPE ...`).
 *
 * `Mapping` follows the option `replyMapping`: with `'resp3'` maps are objects and scores numbers.
 */
declare class Redis<Mapping extends Redis.ReplyMappingMode = 'legacy'> {
  /** The store of this process, or the one in `options.store`. */
  constructor()
  constructor(
    options: (Redis.RedisOptions & { replyMapping?: Mapping | undefined }) | null | undefined,
  )
  /**
   * A port, path or URL means a server on the network. Until latchkey can reach one this throws
   * (code `ERR_LATCHKEY_ADDRESS`) and says how to get the store in the process. `undefined`, `null`
   * and `''` are no address. Of the environment count `LATCHKEY_EMBED=1`, which has every address
   * ignored, and `LATCHKEY_REQUIRE_URL=1`, which forbids to leave it out.
   */
  constructor(address: string | number | null | undefined)
  constructor(
    address: string | number | null | undefined,
    options: Redis.RedisOptions & { replyMapping?: Mapping | undefined },
  )
  constructor(port: number, host: string)
  constructor(
    port: number,
    host: string,
    options: Redis.RedisOptions & { replyMapping?: Mapping | undefined },
  )

  /** The same as `new Redis(...)`. */
  static createClient(
    addressOrOptions?: string | number | Redis.RedisOptions | null | undefined,
    options?: Redis.RedisOptions,
  ): Redis
  static createClient(port: number, host: string, options?: Redis.RedisOptions): Redis

  /** What an option is when it is not given. */
  static defaultOptions: Redis.RedisOptions

  /** The promises which commands answer. */
  static Promise: PromiseConstructor

  /** The options this client was made with, the defaults among them. */
  options: Redis.RedisOptions

  /** Walks `wait` (lazyConnect) → `connecting` → `connect` → `ready` → `close` → `end`. */
  status: Redis.RedisStatus

  /** `subscriber` while there are subscriptions under `protocol: 2`. */
  get mode(): 'normal' | 'subscriber' | 'monitor'

  /** Always false: this is not a {@link Redis.Cluster}. */
  isCluster: boolean

  /** Commands that wait for the batch of `enableAutoPipelining`. */
  get autoPipelineQueueSize(): number

  /**
   * Makes a client of `lazyConnect: true` (or one that was disconnected) ready. Rejects when it is
   * connecting or ready already.
   */
  connect(callback?: Redis.Callback<void>): Promise<void>

  /**
   * Ends the client at once: commands that wait reject with "Connection is closed.", its
   * subscriptions and watches are gone. With `reconnect` it becomes ready again by itself.
   */
  disconnect(reconnect?: boolean): void

  /** @deprecated Use {@link disconnect}. */
  end(): void

  /** Lets a subscribed or monitoring client keep the process alive again (see {@link unref}). */
  ref(): this

  /** Lets the process end although this client is subscribed or monitors. */
  unref(): this

  /** Another client with the same options, or others where `override` says so. */
  duplicate<Override extends Redis.ReplyMappingMode = Mapping>(
    override?: Redis.RedisOptions & { replyMapping?: Override | undefined },
  ): Redis<Override>

  /** A client on the same store that emits `monitor` for every command any client runs. */
  monitor(callback?: Redis.Callback<Redis>): Promise<Redis>

  /** Calls a command by its name: `redis.call('SET', 'key', 'value')`. */
  call(
    ...args: shapes.Args<[command: string, ...args: shapes.Many<shapes.RedisValue>], unknown>
  ): Promise<unknown>
  callBuffer(
    ...args: shapes.Args<[command: string, ...args: shapes.Many<shapes.RedisValue>], unknown>
  ): Promise<unknown>

  /** Runs a {@link Redis.Command}; answers its promise. */
  sendCommand(command: Redis.Command): Promise<any>

  /** @deprecated Use {@link call}. */
  send_command(
    ...args: shapes.Args<[command: string, ...args: shapes.Many<shapes.RedisValue>], unknown>
  ): Promise<unknown>

  /** Commands that are run together by `exec()`; `commands` are the first of them. */
  pipeline(
    commands?: readonly (readonly unknown[])[],
  ): Redis.ChainableCommander<Redis.MappingOf<Mapping>>

  /**
   * A transaction: its commands run as one step by `exec()`. With `{ pipeline: false }` the
   * transaction is opened on this client, whose commands answer `'QUEUED'` until {@link exec}.
   */
  multi(options: { pipeline: false }): Promise<'OK'>
  multi(options?: { pipeline: true }): Redis.ChainableCommander<Redis.MappingOf<Mapping>>
  multi(
    commands: readonly (readonly unknown[])[],
  ): Redis.ChainableCommander<Redis.MappingOf<Mapping>>

  /** Ends `multi({ pipeline: false })`. Null when a watched key has changed. */
  exec(callback?: Redis.Callback<Redis.ExecReply | null>): Promise<Redis.ExecReply | null>

  /**
   * Makes a script in Lua a command: a method and its `Buffer` twin, here and in the pipelines and
   * transactions of this client.
   *
   * ```ts
   * redis.defineCommand('visit', {
   *   numberOfKeys: 1,
   *   lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
   * })
   * ```
   *
   * Say its type once, for all three:
   *
   * ```ts
   * declare module 'latchkey' {
   *   interface RedisCommander<Context> {
   *     visit(key: string, by: number): Result<number, Context>
   *   }
   * }
   * ```
   */
  defineCommand(name: string, definition: Redis.ScriptDefinition): void

  /** The names of the commands that are methods. */
  getBuiltinCommands(): string[]

  /** The functions that run a command, answering text and Buffers. */
  createBuiltinCommand(commandName: string): { string: any; buffer: any }

  /** Makes methods of a command. */
  addBuiltinCommand(commandName: string): void

  /** All keys, in arrays: `for await (const keys of redis.scanStream({ match: 'user:*' }))`. */
  scanStream(options?: Redis.ScanStreamOptions): Redis.ScanStream
  scanBufferStream(options?: Redis.ScanStreamOptions): Redis.ScanStream
  /** All members of a set, in arrays. */
  sscanStream(key: Redis.RedisKey, options?: Redis.ScanStreamOptions): Redis.ScanStream
  sscanBufferStream(key: Redis.RedisKey, options?: Redis.ScanStreamOptions): Redis.ScanStream
  /** All fields of a hash, each followed by its value, in arrays. */
  hscanStream(key: Redis.RedisKey, options?: Redis.ScanStreamOptions): Redis.ScanStream
  hscanBufferStream(key: Redis.RedisKey, options?: Redis.ScanStreamOptions): Redis.ScanStream
  /** All members of a sorted set, each followed by its score, in arrays. */
  zscanStream(key: Redis.RedisKey, options?: Redis.ScanStreamOptions): Redis.ScanStream
  zscanBufferStream(key: Redis.RedisKey, options?: Redis.ScanStreamOptions): Redis.ScanStream

  on<E extends keyof Redis.Events>(event: E, listener: (...args: Redis.Events[E]) => void): this
  on(event: string | symbol, listener: (...args: any[]) => void): this
  once<E extends keyof Redis.Events>(event: E, listener: (...args: Redis.Events[E]) => void): this
  once(event: string | symbol, listener: (...args: any[]) => void): this
  addListener<E extends keyof Redis.Events>(
    event: E,
    listener: (...args: Redis.Events[E]) => void,
  ): this
  addListener(event: string | symbol, listener: (...args: any[]) => void): this
}

interface Redis<Mapping extends Redis.ReplyMappingMode = 'legacy'>
  extends EventEmitter,
    Redis.RedisCommander<{ type: 'default'; mapping: Redis.MappingOf<Mapping> }> {}

/** So that the namespace can name the class which shares its name. */
import Self = Redis

declare namespace Redis {
  export { Self as default, Self as Redis }

  export type RedisKey = shapes.RedisKey
  export type RedisValue = shapes.RedisValue
  export type Callback<T = any> = shapes.Callback<T>
  export type ClientContext = shapes.ClientContext
  export type Result<Reply, Context extends ClientContext> = shapes.Result<Reply, Context>

  /** How replies that RESP2 and RESP3 tell differently come: as RESP2 has them, or as RESP3. */
  export type ReplyMappingMode = 'legacy' | 'resp3'
  export type MappingOf<Mode extends ReplyMappingMode> = Mode extends 'resp3' ? 'resp3' : 'resp2'

  export type RedisStatus =
    | 'wait'
    | 'reconnecting'
    | 'connecting'
    | 'connect'
    | 'ready'
    | 'monitoring'
    | 'close'
    | 'end'

  /** What `exec()` answers: one pair per command, in order. */
  export type ExecReply = [error: Error | null, result: unknown][]

  /**
   * All commands. Code that adds methods of its own can say so:
   *
   * ```ts
   * declare module 'latchkey' {
   *   interface RedisCommander<Context> {
   *     cached(key: string): Result<string, Context>
   *   }
   * }
   * ```
   */
  export interface RedisCommander<Context extends ClientContext = { type: 'default' }>
    extends Commands<Context> {}

  /** A pipeline or transaction: every command answers the chain, `exec()` runs it. */
  export interface ChainableCommander<Mapping extends 'resp2' | 'resp3' = 'resp2'>
    extends RedisCommander<{ type: 'pipeline'; mapping: Mapping }> {
    /** How many commands wait for `exec()`. */
    readonly length: number
    call(...args: shapes.Args<[command: string, ...args: shapes.Many<RedisValue>], unknown>): this
    callBuffer(
      ...args: shapes.Args<[command: string, ...args: shapes.Many<RedisValue>], unknown>
    ): this
    sendCommand(command: Command): unknown
    /** Opens a transaction within the pipeline. */
    multi(): this
    /**
     * Runs the commands. One that fails has its error in its pair and stops no other. Null when
     * this is a transaction and a watched key has changed.
     */
    exec(callback?: Callback<ExecReply | null>): Promise<ExecReply | null>
  }

  /** What the events carry. */
  export interface Events {
    wait: []
    connecting: []
    connect: []
    ready: []
    monitoring: []
    close: []
    reconnecting: [delayMs: number]
    end: []
    error: [error: Error]
    /** The database was changed by SELECT. */
    select: [db: number]
    message: [channel: string, message: string]
    messageBuffer: [channel: Buffer, message: Buffer]
    pmessage: [pattern: string, channel: string, message: string]
    pmessageBuffer: [pattern: string, channel: Buffer, message: Buffer]
    smessage: [channel: string, message: string]
    smessageBuffer: [channel: Buffer, message: Buffer]
    /** Time in seconds with microseconds, the words of the command, who sent it, its database. */
    monitor: [time: string, args: string[], source: string, database: string]
  }

  /** A script in Lua that is to be a command. */
  export interface ScriptDefinition {
    lua: string
    /**
     * So many words at the beginning are keys, the others arguments. Without it the first word of
     * every call says how many.
     */
    numberOfKeys?: number | undefined
    /** Accepted for the sake of ioredis, which asks replicas of a cluster to run such scripts. */
    readOnly?: boolean | undefined
  }

  export interface CommonRedisOptions {
    /** The store to use; without it the one that all clients of this process share. */
    store?: Store | undefined
    /** The database to start in, 0 to 15. @default 0 */
    db?: number | undefined
    /** Put before every key of every command, and before nothing else. */
    keyPrefix?: string | undefined
    /** Wait for `connect()` or the first command before becoming ready. @default false */
    lazyConnect?: boolean | undefined
    /** Keep commands until the client is ready; false rejects them until then. @default true */
    enableOfflineQueue?: boolean | undefined
    /** The name in CLIENT LIST. */
    connectionName?: string | undefined
    /**
     * With 3 other commands work while the client is subscribed, with 2 they are refused.
     * @default 3
     */
    protocol?: 2 | 3 | undefined
    /** The shapes of maps and scores in replies. @default 'legacy' */
    replyMapping?: ReplyMappingMode | undefined
    /** Give integers as strings, which keeps those beyond 2^53 exact. @default false */
    stringNumbers?: boolean | undefined
    /** Reject a command with "Command timed out" after so many milliseconds. */
    commandTimeout?: number | undefined
    /** Collect the commands of one turn of the loop into a pipeline. @default false */
    enableAutoPipelining?: boolean | undefined
    autoPipeliningIgnoredCommands?: string[] | undefined
    /** Let the stack of a reply error show where the command was called. @default false */
    showFriendlyErrorStack?: boolean | undefined
    /** Custom commands by name: each is as if {@link Redis.defineCommand} had been called. */
    scripts?: Record<string, ScriptDefinition> | undefined
    /** The user to be. Without one the client may do everything: it is inside the process. */
    username?: string | undefined
    /** The password of that user, or of the default one if the store asks for it. */
    password?: string | undefined

    // What only a connection over the network needs is accepted, so that the options of an app
    // that also runs with a server need no change.
    retryStrategy?: ((times: number) => number | undefined | null) | null | undefined
    reconnectOnError?: ((error: Error) => boolean | 1 | 2) | null | undefined
    maxRetriesPerRequest?: number | null | undefined
    maxLoadingRetryTime?: number | undefined
    enableReadyCheck?: boolean | undefined
    autoResubscribe?: boolean | undefined
    autoResendUnfulfilledCommands?: boolean | undefined
    blockingTimeout?: number | undefined
    blockingTimeoutGrace?: number | undefined
    connectTimeout?: number | undefined
    socketTimeout?: number | undefined
    keepAlive?: number | undefined
    noDelay?: boolean | undefined
    readOnly?: boolean | undefined
    monitor?: boolean | undefined
    disableClientInfo?: boolean | undefined
    clientInfoTag?: string | undefined
    Connector?: unknown
  }

  /** An address: it means a server on the network, never the store of this process. */
  export interface StandaloneConnectionOptions {
    host?: string | undefined
    port?: number | undefined
    path?: string | undefined
    family?: number | undefined
    tls?: object | undefined
  }

  export interface SentinelAddress {
    host: string
    port: number
    family?: number | undefined
  }

  /** Sentinels are an address too. */
  export interface SentinelConnectionOptions {
    sentinels?: SentinelAddress[] | undefined
    name?: string | undefined
    role?: 'master' | 'slave' | undefined
    sentinelUsername?: string | undefined
    sentinelPassword?: string | undefined
    sentinelTLS?: object | undefined
  }

  export type RedisOptions = CommonRedisOptions &
    StandaloneConnectionOptions &
    SentinelConnectionOptions

  /** What goes when memory is short; the first letters say which keys are looked at. */
  export type MaxmemoryPolicy =
    | 'noeviction'
    | 'allkeys-lru'
    | 'allkeys-lfu'
    | 'allkeys-random'
    | 'volatile-lru'
    | 'volatile-lfu'
    | 'volatile-random'
    | 'volatile-ttl'

  export interface StoreOptions {
    /** Bytes, or a text with a unit as in redis.conf: `'256mb'`. 0 is no limit. @default 0 */
    maxmemory?: number | string | undefined
    /** What happens at the limit: writes fail (`noeviction`) or keys go. @default 'noeviction' */
    maxmemoryPolicy?: MaxmemoryPolicy | undefined
    /** Makes RANDOMKEY, SPOP, sampling and the like repeatable. */
    seed?: number | undefined
    /** `'manual'` stands still until it is moved, for tests. @default 'system' */
    clock?: 'system' | 'manual' | undefined
    /** Where a manual clock starts, in milliseconds since 1970. */
    startTime?: number | undefined
    /** The file that holds the users of the store: read at once, then by ACL LOAD and SAVE. */
    aclfile?: string | undefined
  }

  /**
   * A keyspace of its own with 16 databases: `new Redis({ store: new Store() })`. Clients without
   * a store share that of the process.
   */
  export class Store {
    constructor(options?: StoreOptions)
    readonly id: number
    /** Bytes which the keys and values of this store take. */
    usedMemory(): number
    /** The time by this store's clock, in milliseconds since 1970. */
    now(): number
    /** Moves a manual clock forward; throws for a clock of the system. */
    advance(ms: number): void
    /** Sets a manual clock, in milliseconds since 1970; throws for a clock of the system. */
    setTime(ms: number): void
    /** Opens the store to clients of other processes: RESP over a socket. */
    listen(options?: ListenOptions): Promise<Server>
    /** Frees everything; its servers and clients end. */
    close(): void
  }

  export interface ListenOptions {
    /** 0 takes a free one. @default 6379, or none where `path` is given */
    port?: number | undefined
    /** Names or addresses. @default '127.0.0.1' */
    host?: string | string[] | undefined
    /** A Unix socket, which goes when the server closes. */
    path?: string | undefined
    /** The permissions of the Unix socket, such as 0o700. */
    unixsocketperm?: number | undefined
    /** The default user's password, as `requirepass` sets it. Clients inside need none. */
    password?: string | undefined
    /** TLS instead of plain TCP: PEM texts, under the names that Node's TLS servers have. */
    tls?: ListenTls | undefined
    /** How many connections there may be at once. @default 10000 */
    maxclients?: number | undefined
    /** How many connections may wait to be let in. @default 511 */
    backlog?: number | undefined
  }

  export interface ListenTls {
    cert: string | Buffer
    key: string | Buffer
    /** Who signs for clients. */
    ca?: string | Buffer | undefined
    /** Ask clients for certificates of their own. @default false */
    requestCert?: boolean | undefined
    /** Let nobody in who has none. @default true */
    rejectUnauthorized?: boolean | undefined
  }

  /**
   * What `store.listen()` opens. Its connections are served by threads of their own. Emits
   * `shutdown` when a client has closed it by SHUTDOWN.
   */
  export class Server extends EventEmitter {
    private constructor()
    /** Where it listens, of several places the first; the path of a Unix socket is a string. */
    address(): { address: string; family: string; port: number } | string
    /** The TCP port, if it listens at one. */
    readonly port: number | undefined
    /** Lets the process end though the server listens. */
    unref(): this
    /** Keeps the process alive while the server listens, which is the default. */
    ref(): this
    /** Ends every connection; resolves when the last one has ended. */
    close(): Promise<void>
  }

  /** A reply that is an error: the message has the server's words, its first word is the kind. */
  export class ReplyError extends Error {
    name: 'ReplyError'
    /** The command that failed. */
    command: { name: string; args: (string | Buffer | number)[] }
  }

  export interface CommandOptions {
    /** `null` for Buffers. @default null */
    replyEncoding?: BufferEncoding | null | undefined
    errorStack?: Error | undefined
    keyPrefix?: string | undefined
    readOnly?: boolean | undefined
  }

  /** A command by itself, for `sendCommand`. */
  export class Command {
    constructor(
      name: string,
      args?: (string | Buffer | number | unknown[])[],
      options?: CommandOptions | null,
      callback?: Callback,
    )
    name: string
    args: (string | Buffer | number | any[])[]
    promise: Promise<any>
    resolve: (result: any) => void
    reject: (error: Error) => void
    /** The arguments that are keys. */
    getKeys(): (string | Buffer)[]
    /** Changes the arguments of every later call of the command. */
    static setArgumentTransformer(name: string, transform: (args: any[]) => any[]): void
    /** Changes the replies of every later call of the command. */
    static setReplyTransformer(name: string, transform: (reply: any) => any): void
    static checkFlag(flag: string, commandName: string): boolean
    static FLAGS: Record<string, readonly string[]>
  }

  export interface Pipeline extends ChainableCommander {}
  /** What `pipeline()` and `multi()` make. */
  export class Pipeline {
    constructor(redis: Redis)
    redis: Redis
    isCluster: boolean
    isPipeline: boolean
    promise: Promise<unknown>
    addBatch(commands: readonly (readonly unknown[])[]): this
  }

  export interface ScanStreamOptions extends ReadableOptions {
    /** A pattern which the keys, fields or members match. */
    match?: string | undefined
    /** Keys of this type alone. */
    type?: string | undefined
    /** About how many to look at per step. */
    count?: number | string | undefined
    /** Fields without their values. */
    noValues?: boolean | undefined
  }

  /** Reads a SCAN to its end, an array at a time; one may be empty, and a key may come twice. */
  export class ScanStream extends Readable {
    constructor(options: ScanStreamOptions & { command: string; redis: any; key?: RedisKey })
    /** Ends it before all was read. */
    close(): void
  }

  export type ClusterNode =
    | string
    | number
    | { host?: string | undefined; port?: number | undefined }
  export interface ClusterOptions {
    redisOptions?: RedisOptions | undefined
    [option: string]: unknown
  }

  /** Not this class: `instanceof` tells them apart. Constructing one explains itself and throws. */
  export class Cluster {
    constructor(startupNodes?: ClusterNode[], options?: ClusterOptions)
  }
  export class AbstractConnector {
    constructor(disconnectTimeout?: number)
  }
  export class SentinelConnector extends AbstractConnector {}
  export class SentinelIterator {
    constructor(sentinels: Partial<SentinelAddress>[])
  }

  /** A callback that logs what it gets. */
  export function print(err?: Error | null, reply?: any): void
}

export = Redis
