// A picture of varve beside other engines, an SVG without scripts or fonts of its own, readable on light and dark.
//
//   npm run bench -- picture FILE … --out=picture.svg
//
// A file holds JSON lines, one engine's run each ({engine, n, "get.c1": operations a second, "get.c1.gap_max_ms": ms,
// …}; the engine "project" is varve), or what `npm run bench -- gaps --out=FILE` writes. Of several runs of an engine
// the medians are drawn.

import { readFileSync, writeFileSync } from 'node:fs'
import { comparison, rowOfGaps } from './support/comparison.mjs'
import { drawPicture } from './support/drawing.mjs'

function rowsOf(text) {
  const lines = text.trim().split('\n')
  if (lines.length > 1 && lines[0].trim() === '{') return [rowOfGaps(JSON.parse(text))]
  return lines.map((line) => JSON.parse(line))
}

export function run({ files, out, UsageError }) {
  if (files.length === 0) throw new UsageError('picture takes files of results: bench -- picture results.jsonl.')
  const rows = files.flatMap((file) => rowsOf(readFileSync(file, 'utf8')))
  if (!rows.some(({ engine }) => engine === 'project'))
    throw new UsageError('No row is of the engine "project", varve.')
  const svg = drawPicture(comparison(rows))
  if (out === undefined) process.stdout.write(svg)
  else writeFileSync(out, svg)
}
