/** Sessions of express-session, kept in latchkey. */
import { type SessionData, Store } from 'express-session'

/** Without a callback a method answers by a promise. */
type Callback<T = void> = (error?: unknown, value?: T) => void

/** What the store asks of a client: `new Redis()` of latchkey or of ioredis has it. */
export interface SessionClient {
  get(key: string): Promise<string | null>
  set(key: string, value: string): Promise<unknown>
  set(key: string, value: string, token: 'EX', seconds: number): Promise<unknown>
  expire(key: string, seconds: number): Promise<unknown>
  del(keys: string[]): Promise<unknown>
  mget(keys: string[]): Promise<Array<string | null>>
  scan(
    cursor: string,
    match: 'MATCH',
    pattern: string,
    token: 'COUNT',
    count: number,
  ): Promise<[cursor: string, keys: string[]]>
}

/** How a session becomes the text that is stored. */
export interface SessionSerializer {
  stringify(session: SessionData): string | Promise<string>
  parse(text: string): SessionData | Promise<SessionData>
}

export interface SessionStoreOptions {
  /** A client to work with. By default the store makes one on the process's own store. */
  client?: SessionClient
  /** What the keys begin with. Default: `sess:`. */
  prefix?: string
  /**
   * Seconds for a session whose cookie has no end (default: 86400), or a function that decides for
   * every session.
   */
  ttl?: number | ((session: SessionData) => number)
  /** Keys get no deadline. */
  disableTTL?: boolean
  /** `touch` leaves the deadline alone. */
  disableTouch?: boolean
  /** Default: `JSON`. */
  serializer?: SessionSerializer
  /** Keys per step of a scan. Default: 100. */
  scanCount?: number
}

/** `session({ store: new SessionStore(), … })` */
export class SessionStore extends Store {
  constructor(options?: SessionStoreOptions)

  client: SessionClient
  prefix: string
  ttl: number | ((session: SessionData) => number)
  disableTTL: boolean
  disableTouch: boolean
  serializer: SessionSerializer
  scanCount: number

  /** The session, or null if there is none. */
  get(sid: string): Promise<SessionData | null>
  get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void
  /** Keeps the session until its cookie ends; one whose cookie has ended is removed. */
  set(sid: string, session: SessionData): Promise<void>
  set(sid: string, session: SessionData, callback?: Callback): void
  /** Moves the deadline to where the cookie has it now. */
  touch(sid: string, session: SessionData): Promise<void>
  touch(sid: string, session: SessionData, callback?: Callback): void
  destroy(sid: string): Promise<void>
  destroy(sid: string, callback?: Callback): void
  /** Every session, with its id as `id`. */
  all(): Promise<Array<SessionData & { id: string }>>
  all(callback: (error: unknown, sessions?: Array<SessionData & { id: string }>) => void): void
  /** How many sessions there are. */
  length(): Promise<number>
  length(callback: (error: unknown, length?: number) => void): void
  /** The ids of all sessions. */
  ids(): Promise<string[]>
  ids(callback: (error: unknown, ids?: string[]) => void): void
  /** Removes every session, and nothing else. */
  clear(): Promise<void>
  clear(callback?: Callback): void
}
