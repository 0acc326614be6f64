// What a contract says of itself as a token. Its words are untrusted: kept short and clean.
import { clean, Cache } from './dom.js'
import { fixed, UINT_MAX } from './format.js'
import { decodeString, decode } from './abi.js'

const SYMBOL = '0x95d89b41'
const NAME = '0x06fdde03'
const DECIMALS = '0x313ce567'
const SUPPLY = '0x18160ddd'

const tokens = new Cache(200)

function readNumber(hex) {
  const list = typeof hex === 'string' && hex.length === 66 && decode(hex, [{ type: 'uint256', name: '' }])
  return list ? list[0].value : null
}

// { symbol, name, decimals, supply } with null for what it does not say; null when it says
// nothing.
export async function tokenOf(client, address) {
  const key = address.toLowerCase()
  const hit = tokens.get(key)
  if (hit !== undefined) return hit.value
  const [symbol, name, decimals, supply] = (await client.batch([SYMBOL, NAME, DECIMALS, SUPPLY].map((input) =>
    ['eth_call', [{ to: key, input }, 'latest']]))).map((x) => (x instanceof Error ? null : x))
  const text = (hex) => {
    const s = decodeString(hex)
    return s ? clean(s, 40) : null
  }
  const d = readNumber(decimals)
  const value = { symbol: text(symbol), name: text(name), supply: readNumber(supply),
    decimals: d !== null && d <= 77n ? Number(d) : null }
  const says = value.symbol !== null || value.name !== null || value.decimals !== null
  return tokens.set(key, { value: says ? value : null }).value
}

// An amount of it as its owner reads it: "12.5 TST"; null when it has no decimals.
export function amountOf(token, amount) {
  if (!token || token.decimals === null) return null
  if (amount === UINT_MAX) return `unlimited ${token.symbol ?? ''}`.trim()
  return `${fixed(amount, token.decimals)} ${token.symbol ?? ''}`.trim()
}
