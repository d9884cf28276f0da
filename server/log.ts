// The server's log: pino's JSON lines on stderr, or plain lines where a person reads along. What is logged are events of the
// server, never keys, values or passwords.
import type { Writable } from 'node:stream'
import { type DestinationStream, destination, type Logger, pino } from 'pino'
import type { LogLevel } from './config.ts'

export type Log = Logger

export interface LogOptions {
  readonly level: LogLevel
  readonly format: 'auto' | 'json' | 'text'
}

/** Bytes that wait for a reader that does not read; what comes after is dropped, so that a log never stops the server. */
const waitingBytesMax = 2 ** 20
const stderrNumber = 2

export interface OpenLog {
  readonly log: Log
  /** Hands what waits to the system. */
  flush(): void
}

export function openLog({ level, format }: LogOptions): OpenLog {
  const isText = format === 'text' || (format === 'auto' && process.stderr.isTTY)
  if (isText) return { log: logTo(level, textStream(process.stderr)), flush: () => {} }
  const stream = destination({ dest: stderrNumber, sync: false, maxLength: waitingBytesMax })
  // Nobody reads it any more: there is nobody to tell.
  stream.on('error', () => {})
  return { log: logTo(level, stream), flush: () => stream.flushSync() }
}

export function logTo(level: LogLevel, stream: DestinationStream): Log {
  return pino({ level, timestamp: pino.stdTimeFunctions.isoTime, base: null, formatters: { level: named } }, stream)
}

const named = (level: string): object => ({ level })

/** 2026-01-31T12:00:00.000Z info listening port=9000 */
export function textStream(stream: Pick<Writable, 'write'>): DestinationStream {
  return { write: (line) => void stream.write(`${textLine(line)}\n`) }
}

function textLine(line: string): string {
  const { level, time, msg, err, ...others } = JSON.parse(line) as Readonly<Record<string, unknown>>
  const rest = Object.entries(others).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  const text = [time, level, msg, ...rest].join(' ')
  const stack = typeof err === 'object' && err !== null && 'stack' in err ? `\n${err.stack}` : ''
  return text + stack
}
