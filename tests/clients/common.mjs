// Shared by the client flows.
export const MNEMONIC = 'test test test test test test test test test test test junk'

// The value of a promise, or an error after a while.
export function within(ms, promise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${ms} ms`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
