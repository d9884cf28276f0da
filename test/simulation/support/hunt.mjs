// A child of the mutants' tests: simulates seeds of a class until one breaks a promise, or the time is over.
//
//   node hunt.mjs <folder with the compiled sources> model|production <class> <seconds>
//
// prints {seeds, seed?, promised?, sentence?}
import { pathToFileURL } from 'node:url'

const [folder, form, seedClass, seconds] = process.argv.slice(2)
const simulation = `${pathToFileURL(folder)}/server/simulation`
const { simulate } =
  form === 'model'
    ? await import(`${simulation}/simulation.js`)
    : { simulate: (await import(`${simulation}/production/simulation.js`)).simulateProduction }
const endMs = performance.now() + 1000 * Number(seconds)

let seed = 0
let violation
while (violation === undefined && performance.now() < endMs) {
  seed++
  const outcome = await simulate({ seed, steps: 3_000, seedClass })
  violation = outcome.violation
}
console.log(JSON.stringify({ seeds: seed, ...violation }))
