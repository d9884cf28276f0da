// A child of the mutants' test: simulates seeds of a class until one breaks a promise, or the time is over.
//
//   node hunt.mjs <folder with the compiled sources> <class> <seconds>      prints {seeds, seed?, promised?, sentence?}
import { pathToFileURL } from 'node:url'

const [folder, seedClass, seconds] = process.argv.slice(2)
const { simulate } = await import(`${pathToFileURL(folder)}/server/simulation/simulation.js`)
const endMs = performance.now() + 1000 * Number(seconds)

let seed = 0
let violation
while (violation === undefined && performance.now() < endMs) {
  seed++
  violation = simulate({ seed, steps: 3_000, seedClass }).violation
}
console.log(JSON.stringify({ seeds: seed, ...violation }))
