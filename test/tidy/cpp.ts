// C++ as text: just enough to look at code without its comments and literals.

const token =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|R"([^(\s]*)\([\s\S]*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:\\\r?\n|[^\n])*/gm

/** The text with comments, literals and preprocessor lines blanked out, every offset and line kept. */
export function blank(text: string): string {
  return text.replace(token, (found) => found.replace(/[^\n]/g, ' '))
}
