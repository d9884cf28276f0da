// The scripts' side of test/support/skip.ts: a skip is printed and reported by name.
import { appendFileSync } from 'node:fs'

export function reportSkip(name, reason) {
  console.warn(`skipped: ${name} (${reason})`)
  const report = process.env.VARVE_SKIP_REPORT
  if (report) appendFileSync(report, `${JSON.stringify({ name, reason })}\n`)
}
