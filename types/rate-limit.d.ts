/** Rate limits of express-rate-limit, counted in latchkey. */
import * as expressRateLimit from 'express-rate-limit'

/** express-rate-limit with a store of latchkey's. */
declare function limiter(
  options?: limiter.RateLimitOptions,
): expressRateLimit.RateLimitRequestHandler

declare namespace limiter {
  /**
   * - `fixed-window`: every hit counts; the window begins with the first and ends as a whole.
   * - `sliding-window`: at most `limit` hits in any stretch of time as long as the window.
   * - `gcra`: a bucket of `limit` places that empties evenly, one place every `windowMs / limit`.
   */
  export type Algorithm = 'fixed-window' | 'sliding-window' | 'gcra'

  /** What the store asks of a client: `new Redis()` of latchkey has it. */
  export interface RateLimitClient {
    call(command: string, ...words: Array<string | number>): Promise<unknown>
    del(keys: string | string[]): Promise<unknown>
    scan(
      cursor: string,
      match: 'MATCH',
      pattern: string,
      token: 'COUNT',
      count: number,
    ): Promise<[cursor: string, keys: string[]]>
  }

  export interface RateLimitStoreOptions {
    /** A client to work with. By default the store makes one on the process's own store. */
    client?: RateLimitClient
    /**
     * What the keys begin with: one for each limiter. Default: `rl:`; `rateLimit` gives each
     * further limiter a number.
     */
    prefix?: string
    /** Default: `fixed-window`. */
    algorithm?: Algorithm
  }

  /** The options of express-rate-limit, but for `store`, and those of the store. */
  export type RateLimitOptions = Partial<Omit<expressRateLimit.Options, 'store'>> &
    RateLimitStoreOptions

  /** `rateLimit({ store: new Store(), … })` of express-rate-limit itself. */
  export class RateLimitStore implements expressRateLimit.Store {
    constructor(options?: RateLimitStoreOptions)
    client: RateLimitClient
    prefix: string
    algorithm: Algorithm
    localKeys: false
    init(options: Pick<Options, 'windowMs' | 'limit'> & Partial<Options>): void
    increment(key: string): Promise<IncrementResponse>
    decrement(key: string): Promise<void>
    resetKey(key: string): Promise<void>
    resetAll(): Promise<void>
    get(key: string): Promise<ClientRateLimitInfo | undefined>
  }

  export { limiter as default, limiter as rateLimit, RateLimitStore as Store }

  export import ipKeyGenerator = expressRateLimit.ipKeyGenerator
  export type AugmentedRequest = expressRateLimit.AugmentedRequest
  export type ClientRateLimitInfo = expressRateLimit.ClientRateLimitInfo
  export type DraftHeadersVersion = expressRateLimit.DraftHeadersVersion
  export type EnabledValidations = expressRateLimit.EnabledValidations
  export type IncrementResponse = expressRateLimit.IncrementResponse
  export type Logger = expressRateLimit.Logger
  export type Options = expressRateLimit.Options
  export type RateLimitExceededEventHandler = expressRateLimit.RateLimitExceededEventHandler
  export type RateLimitInfo = expressRateLimit.RateLimitInfo
  export type RateLimitRequestHandler = expressRateLimit.RateLimitRequestHandler
  export type ValueDeterminingMiddleware<T> = expressRateLimit.ValueDeterminingMiddleware<T>
}

export = limiter
