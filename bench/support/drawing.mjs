// The comparison as an SVG: one row a workload, left the speed as a ratio to the best peer (operations a second where
// there is no peer), right the longest gap of the event loop. The same input always gives the same bytes.

const width = 1000
const labelsEnd = 196
const speed = { start: 204, end: 590 }
const gap = { start: 690, end: 940 }
const top = 92
const barHeight = 8
const rowGap = 12
const gapGoalMs = 10

// varve in a strong colour, peers in colours that stay apart for the colour-blind, on both grounds.
const colours = ['#d9480f', '#4c7fb8', '#3c9d8f', '#a08423', '#9a6fb0', '#7d8790']
const style = `
  .ground { fill: #ffffff } text { fill: #24292f; font: 12px system-ui, sans-serif } .quiet { fill: #57606a }
  .title { font-size: 15px; font-weight: 600 } .line { stroke: #d0d7de }
  .small { font-size: 10px; stroke: #ffffff; stroke-width: 3px; paint-order: stroke }
  .mark { stroke: #24292f; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .quiet { fill: #9198a1 } .line { stroke: #30363d }
    .mark { stroke: #e6edf3 }
    .small { stroke: #0d1117 }
  }`

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text) => String(text).replace(/[&<>"]/g, (character) => escapes[character])
const at = (number) => String(Math.round(number * 10) / 10)
const named = (engine) => (engine === 'project' ? 'varve' : engine)

function text(x, y, content, { kind = '', anchor = 'start' } = {}) {
  const attributes = `${kind && ` class="${kind}"`}${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}`
  return `<text x="${at(x)}" y="${at(y)}"${attributes}>${escaped(content)}</text>`
}

const line = (x1, y1, x2, y2, kind) =>
  `<line class="${kind}" x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}"/>`

function bar(x1, x2, y, colour, title) {
  const shape = `x="${at(x1)}" y="${at(y)}" width="${at(Math.max(1, x2 - x1))}" height="${barHeight - 1}"`
  return `<rect ${shape} fill="${colour}"><title>${escaped(title)}</title></rect>`
}

/** 1, 2 or 5 times a power of ten, so that about `count` of them reach `most`. */
export function stepFor(most, count) {
  const rough = most / count
  const power = 10 ** Math.floor(Math.log10(rough))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.999)
}

export function shortNumber(number) {
  if (number >= 999_500) return `${(number / 1e6).toFixed(2)} M`
  if (number >= 10_000) return `${Math.round(number / 1000)} k`
  return number >= 1000 ? `${(number / 1000).toFixed(1)} k` : String(Math.round(number))
}

/** From 0 on, with marks. */
function linearAxis({ start, end }, most, format) {
  const step = stepFor(most, 5)
  const last = Math.ceil(most / step - 1e-9) * step
  const marks = Array.from({ length: Math.round(last / step) + 1 }, (_, i) => i * step)
  const place = (value) => start + ((end - start) * value) / last
  return { place, marks: marks.map((value) => ({ x: place(value), label: format(value) })) }
}

/** From 1 ms on, a mark each power of ten. */
function logarithmicAxis({ start, end }, most) {
  const powers = Math.max(2, Math.ceil(Math.log10(most)))
  const place = (value) => start + ((end - start) * Math.log10(Math.max(1, value))) / powers
  const marks = Array.from({ length: powers + 1 }, (_, i) => 10 ** i)
  return { place, marks: marks.map((value) => ({ x: place(value), label: String(value) })) }
}

const values = (workloads, field) =>
  workloads.flatMap(({ bars }) => bars.map((one) => one[field])).filter((value) => value !== undefined)

function axes({ workloads }) {
  const ratios = values(workloads, 'ratio')
  const hasPeers = ratios.length > 0
  const speedOf = (one) => (hasPeers ? one.ratio : one.opsPerSecond)
  const most = Math.max(...(hasPeers ? ratios : values(workloads, 'opsPerSecond')))
  const format = hasPeers ? (value) => `${at(value)}×` : shortNumber
  return {
    hasPeers,
    speedOf,
    speed: linearAxis(speed, most, format),
    gap: logarithmicAxis(gap, Math.max(gapGoalMs, ...values(workloads, 'gapMs')))
  }
}

function drawRow({ title, bars }, y, engines, scale) {
  const centre = y + (engines.length * barHeight) / 2
  const shapes = [text(labelsEnd, centre + 4, title, { anchor: 'end' })]
  const figures = []
  const draw = (one, axis, span, value, figure) => {
    if (value === undefined) return
    const index = engines.indexOf(one.engine)
    const barY = y + index * barHeight
    const end = axis.place(value)
    shapes.push(
      bar(span.start, end, barY, colours[index % colours.length], `${named(one.engine)}: ${title}: ${figure}`)
    )
    if (one.engine === 'project') figures.push(text(end + 5, barY + 7, figure, { kind: 'small' }))
  }
  for (const one of bars) {
    const ratio = one.ratio === undefined ? '' : `, ${one.ratio.toFixed(2)}×`
    draw(one, scale.speed, speed, scale.speedOf(one), `${shortNumber(one.opsPerSecond)}/s${ratio}`)
    draw(one, scale.gap, gap, one.gapMs, one.gapMs === undefined ? '' : `${at(one.gapMs)} ms`)
  }
  return { shapes, figures }
}

function drawAxis({ start, end }, marks, title, bottom) {
  const middle = (start + end) / 2
  return [
    ...marks.map(({ x }) => line(x, top, x, bottom, 'line')),
    ...marks.map(({ x, label }) => text(x, bottom + 14, label, { kind: 'quiet', anchor: 'middle' })),
    text(middle, bottom + 34, title, { anchor: 'middle' })
  ]
}

function drawLegend(engines) {
  let x = 20
  return engines.flatMap((engine, i) => {
    const parts = [bar(x, x + 12, 52, colours[i % colours.length], named(engine)), text(x + 17, 60, named(engine))]
    x += 17 + named(engine).length * 7 + 22
    return parts
  })
}

/** The SVG of a comparison (comparison.mjs). */
export function drawPicture({ engines, workloads, entries }) {
  const scale = axes({ workloads })
  const rowHeight = engines.length * barHeight + rowGap
  const bottom = top + workloads.length * rowHeight
  const height = bottom + 50
  const speedTitle = scale.hasPeers ? 'operations a second against the best peer (dashed: 1×)' : 'operations a second'
  const rows = workloads.map((one, i) => drawRow(one, top + i * rowHeight + rowGap / 2, engines, scale))
  const goal = scale.gap.place(gapGoalMs)
  const subject = scale.hasPeers ? 'varve and its peers' : 'varve'
  const heading = `${subject}, ${entries.toLocaleString('en-US')} entries of 16 + 100 bytes`
  const parts = [
    `<rect class="ground" width="${width}" height="${at(height)}" rx="6"/>`,
    text(20, 30, heading, { kind: 'title' }),
    ...drawLegend(engines),
    text(speed.start, 84, 'speed: longer is better', { kind: 'quiet' }),
    text(gap.start, 84, 'longest gap of the event loop: shorter is better', { kind: 'quiet' }),
    ...drawAxis(speed, scale.speed.marks, speedTitle, bottom),
    ...drawAxis(gap, scale.gap.marks, `milliseconds, logarithmic (dashed: ${gapGoalMs})`, bottom),
    ...rows.flatMap(({ shapes }) => shapes),
    ...(scale.hasPeers ? [line(scale.speed.place(1), top, scale.speed.place(1), bottom, 'mark')] : []),
    line(goal, top, goal, bottom, 'mark'),
    ...rows.flatMap(({ figures }) => figures)
  ]
  const box = `viewBox="0 0 ${width} ${at(height)}" role="img" aria-label="${escaped(heading)}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${box}>\n<style>${style}\n</style>\n${parts.join('\n')}\n</svg>\n`
}
