// The version of the package this is part of, built or not.
import { createRequire } from 'node:module'

export function version(): string {
  const manifest = createRequire(import.meta.url)('varve/package.json') as { readonly version: string }
  return manifest.version
}
