// A script name that is reserved for a later part of the project. It fails, so that nothing takes it for a success.
const [name] = process.argv.slice(2)
const parts = {
  cluster: 'starting a cluster on this machine comes with the replication part'
}
console.error(`npm run ${name}: not there yet; ${parts[name] ?? 'it comes with a later part'}.`)
process.exit(1)
