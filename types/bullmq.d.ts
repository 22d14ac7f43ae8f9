/** BullMQ in this process. */
import type { Redis, RedisOptions } from 'latchkey'

/** The options of `new Redis()`, without an address. */
export type ConnectionOptions = Omit<RedisOptions, 'host' | 'port' | 'path' | 'keyPrefix'>

/** What `install` uses of the package. */
export interface BullMQ {
  RedisConnection: { clientFactory?: ((options: any) => any) | undefined }
  createIORedisClient(client: any): unknown
}

/**
 * A client for the option `connection` of a Queue, Worker, QueueEvents or FlowProducer. Several may
 * share it; closing it, after them, is yours.
 *
 * ```ts
 * const queue = new Queue('mail', { connection: connection() })
 * ```
 *
 * The types of BullMQ 5 know the class of ioredis alone, so the client goes by the type that is
 * wanted where it is made: `const shared = connection<bullmq.ConnectionOptions>()`.
 */
export function connection<Client = Redis>(options?: ConnectionOptions): Client

/**
 * Makes every Queue, Worker, QueueEvents and FlowProducer that has no client of its own live in this
 * process. An address among its options is an error then.
 *
 * ```ts
 * import * as bullmq from 'bullmq'
 * install(bullmq)
 * new bullmq.Queue('mail')
 * ```
 *
 * @returns puts back what was there before
 */
export function install(bullmq: BullMQ, options?: ConnectionOptions): () => void
