import type { ChainableCommander } from '../index'

/**
 * The words which the command types are made of. Nothing here exists at run time.
 */

/** A key: text is stored as UTF-8, a Buffer as its bytes. */
export type RedisKey = string | Buffer

/** A value, field, member or any other word of a command; a number is sent as its decimal text. */
export type RedisValue = string | Buffer | number

/** A number, or its text (`'+inf'`, `'(5'` where a command takes such). */
export type Numeric = number | string

/** Any count of words, one by one or in arrays: `del('a', 'b')`, `del(['a', 'b'])`. */
export type Many<T> = (T | readonly T[])[]

/** Fields and values (keys and values for MSET) as one object or Map. */
export type Fields = { [field: string]: RedisValue } | ReadonlyMap<RedisKey, RedisValue>

/** The node-style last argument that every command takes. The promise is returned all the same. */
export type Callback<T = any> = (err?: Error | null, result?: T) => void

/** The words of a command, with or without a callback behind them. */
export type Args<Words extends unknown[], Reply> =
  | Words
  | [...words: Words, callback: Callback<Reply>]

/** A word of the language of Redis; it has no case. */
export type Token<T extends string> = T | Lowercase<T>

/** Some, all or none of the groups of words, in any order. */
export type AnyOrder<Groups extends unknown[][], Passed extends unknown[][] = []> = Groups extends [
  infer Next extends unknown[],
  ...infer Rest extends unknown[][],
]
  ? [...Next, ...AnyOrder<[...Passed, ...Rest]>] | AnyOrder<Rest, [...Passed, Next]>
  : []

/**
 * Where a command is called: on a client it answers a promise, on a pipeline or transaction the
 * chain; `mapping` says in which shapes the replies come (option `replyMapping`).
 */
export interface ClientContext {
  type: 'default' | 'pipeline'
  mapping?: 'resp2' | 'resp3'
}

/** What a command's method returns for a reply of type `Reply`. */
export type Result<Reply, Context extends ClientContext> = Context['type'] extends 'pipeline'
  ? ChainableCommander<Context extends { mapping: 'resp3' } ? 'resp3' : 'resp2'>
  : Promise<Reply>

/** A reply that has another shape under `replyMapping: 'resp3'`. */
export type Shape<Resp2, Resp3, Context extends ClientContext> = Context extends {
  mapping: 'resp3'
}
  ? Resp3
  : Resp2

/** An entry of a stream: its id, then field, value, field, value ... */
export type StreamEntry<S> = [id: string, fields: S[]]
