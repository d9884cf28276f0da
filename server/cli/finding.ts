// What `varve doctor` finds: one thing it looked at.

export interface Finding {
  readonly name: string
  readonly state: 'ok' | 'warning' | 'bad'
  /** What is so, and where it is not well, what to do. */
  readonly text: string
}

export const well = (name: string, text: string): Finding => ({ name, state: 'ok', text })
export const warning = (name: string, text: string): Finding => ({ name, state: 'warning', text })
export const bad = (name: string, text: string): Finding => ({ name, state: 'bad', text })

/** 1.5 GiB */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  let size = bytes
  let unit = 0
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`
}
