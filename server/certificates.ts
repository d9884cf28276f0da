// Certificate files: read together, known to fit each other, and read again when they change. Files that do not fit leave
// those before in force, and it is said.
import { type FSWatcher, readFileSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { createSecureContext, type SecureContextOptions } from 'node:tls'

export interface CertificatePaths {
  /** Paths of PEM files. `ca` signs the certificates of the other side. */
  readonly cert: string
  readonly key: string
  readonly ca?: string | undefined
}

export interface CertificateEvents {
  /** Takes what the files hold now. */
  readonly onChange: (options: SecureContextOptions) => void
  /** The files changed: they are in force, or why they are not. */
  readonly onReload?: ((fault: string | undefined) => void) | undefined
}

/** Files are written one after the other. */
const settleMs = 200

export class CertificateFiles {
  readonly #paths: CertificatePaths
  readonly #section: string
  readonly #events: CertificateEvents
  readonly #watchers: FSWatcher[] = []
  #settling: NodeJS.Timeout | undefined
  /** What is in force. */
  options: SecureContextOptions

  /** Throws a sentence where the files cannot be used. `section`: of the configuration, for that sentence. */
  constructor(paths: CertificatePaths, section: string, events: CertificateEvents) {
    this.#paths = paths
    this.#section = section
    this.#events = events
    this.options = readFiles(paths, section)
    this.#watch()
  }

  /** Stops watching. */
  close(): void {
    clearTimeout(this.#settling)
    for (const watcher of this.#watchers) watcher.close()
  }

  /** Directories, for files are replaced by renaming, and so are the links that lead to them. */
  #watch(): void {
    const { cert, key, ca } = this.#paths
    const paths = [cert, key, ...(ca === undefined ? [] : [ca])]
    for (const directory of new Set(paths.map((path) => dirname(path)))) {
      const names = new Set(paths.filter((path) => dirname(path) === directory).map((path) => basename(path)))
      const watcher = watch(directory, { persistent: false }, (_, name) => {
        // Kubernetes swaps the link "..data" and touches nothing else.
        if (name === null || names.has(name) || name.startsWith('..')) this.#reloadSoon()
      })
      watcher.on('error', (error) => this.#events.onReload?.(`${directory} cannot be watched: ${error.message}.`))
      this.#watchers.push(watcher)
    }
  }

  #reloadSoon(): void {
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => this.#reload(), settleMs).unref()
  }

  #reload(): void {
    let fault: string | undefined
    try {
      this.options = readFiles(this.#paths, this.#section)
      this.#events.onChange(this.options)
    } catch (error) {
      fault = `The certificates before stay in force: ${error instanceof Error ? error.message : error}`
    }
    this.#events.onReload?.(fault)
  }
}

/** The files, known to fit each other. */
function readFiles({ cert, key, ca }: CertificatePaths, section: string): SecureContextOptions {
  const options: SecureContextOptions = {
    cert: readPem(`${section}.cert`, cert),
    key: readPem(`${section}.key`, key),
    ...(ca === undefined ? {} : { ca: readPem(`${section}.ca`, ca) }),
    minVersion: 'TLSv1.2'
  }
  try {
    createSecureContext(options)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`${cert} and ${key} are no certificate and its private key, both as PEM (${reason}).`)
  }
  return options
}

function readPem(name: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Error(`${name} cannot be read: ${error instanceof Error ? error.message : error}.`)
  }
}
