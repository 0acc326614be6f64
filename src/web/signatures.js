// Events, functions and errors that are known by name: our own table, as Solidity writes
// them. Two events may share a topic and differ in what is indexed (Transfer of ERC-20 and
// ERC-721); the number of topics tells them apart.
export const EVENTS = `
ERC-20|Transfer(address indexed from,address indexed to,uint256 value)
ERC-721|Transfer(address indexed from,address indexed to,uint256 indexed tokenId)
ERC-20|Approval(address indexed owner,address indexed spender,uint256 value)
ERC-721|Approval(address indexed owner,address indexed approved,uint256 indexed tokenId)
ERC-721|ApprovalForAll(address indexed owner,address indexed operator,bool approved)
ERC-1155|TransferSingle(address indexed operator,address indexed from,address indexed to,uint256 id,uint256 value)
ERC-1155|TransferBatch(address indexed operator,address indexed from,address indexed to,uint256[] ids,uint256[] values)
ERC-1155|URI(string value,uint256 indexed id)
WETH|Deposit(address indexed dst,uint256 wad)
WETH|Withdrawal(address indexed src,uint256 wad)
ERC-4626|Deposit(address indexed sender,address indexed owner,uint256 assets,uint256 shares)
ERC-4626|Withdraw(address indexed sender,address indexed receiver,address indexed owner,uint256 assets,uint256 shares)
Uniswap v2|PairCreated(address indexed token0,address indexed token1,address pair,uint256 length)
Uniswap v2|Mint(address indexed sender,uint256 amount0,uint256 amount1)
Uniswap v2|Burn(address indexed sender,uint256 amount0,uint256 amount1,address indexed to)
Uniswap v2|Swap(address indexed sender,uint256 amount0In,uint256 amount1In,uint256 amount0Out,uint256 amount1Out,address indexed to)
Uniswap v2|Sync(uint112 reserve0,uint112 reserve1)
Uniswap v3|PoolCreated(address indexed token0,address indexed token1,uint24 indexed fee,int24 tickSpacing,address pool)
Uniswap v3|Initialize(uint160 sqrtPriceX96,int24 tick)
Uniswap v3|Mint(address sender,address indexed owner,int24 indexed tickLower,int24 indexed tickUpper,uint128 amount,uint256 amount0,uint256 amount1)
Uniswap v3|Burn(address indexed owner,int24 indexed tickLower,int24 indexed tickUpper,uint128 amount,uint256 amount0,uint256 amount1)
Uniswap v3|Collect(address indexed owner,address recipient,int24 indexed tickLower,int24 indexed tickUpper,uint128 amount0,uint128 amount1)
Uniswap v3|Swap(address indexed sender,address indexed recipient,int256 amount0,int256 amount1,uint160 sqrtPriceX96,uint128 liquidity,int24 tick)
Uniswap v3|Flash(address indexed sender,address indexed recipient,uint256 amount0,uint256 amount1,uint256 paid0,uint256 paid1)
Uniswap v3|IncreaseLiquidity(uint256 indexed tokenId,uint128 liquidity,uint256 amount0,uint256 amount1)
Uniswap v3|DecreaseLiquidity(uint256 indexed tokenId,uint128 liquidity,uint256 amount0,uint256 amount1)
Uniswap v4|Initialize(bytes32 indexed id,address indexed currency0,address indexed currency1,uint24 fee,int24 tickSpacing,address hooks,uint160 sqrtPriceX96,int24 tick)
Uniswap v4|Swap(bytes32 indexed id,address indexed sender,int128 amount0,int128 amount1,uint160 sqrtPriceX96,uint128 liquidity,int24 tick,uint24 fee)
Uniswap v4|ModifyLiquidity(bytes32 indexed id,address indexed sender,int24 tickLower,int24 tickUpper,int256 liquidityDelta,bytes32 salt)
Ownable|OwnershipTransferred(address indexed previousOwner,address indexed newOwner)
AccessControl|RoleGranted(bytes32 indexed role,address indexed account,address indexed sender)
AccessControl|RoleRevoked(bytes32 indexed role,address indexed account,address indexed sender)
Pausable|Paused(address account)
Pausable|Unpaused(address account)
ERC-1967|Upgraded(address indexed implementation)
ERC-1967|AdminChanged(address previousAdmin,address newAdmin)
ERC-1967|BeaconUpgraded(address indexed beacon)
Proxy|Initialized(uint64 version)
Votes|DelegateChanged(address indexed delegator,address indexed fromDelegate,address indexed toDelegate)
Votes|DelegateVotesChanged(address indexed delegate,uint256 previousVotes,uint256 newVotes)
Governor|ProposalCreated(uint256 proposalId,address proposer,address[] targets,uint256[] values,string[] signatures,bytes[] calldatas,uint256 voteStart,uint256 voteEnd,string description)
Governor|VoteCast(address indexed voter,uint256 proposalId,uint8 support,uint256 weight,string reason)
Governor|ProposalExecuted(uint256 proposalId)
ERC-4337|UserOperationEvent(bytes32 indexed userOpHash,address indexed sender,address indexed paymaster,uint256 nonce,bool success,uint256 actualGasCost,uint256 actualGasUsed)
Permit2|Permit(address indexed owner,address indexed token,address indexed spender,uint160 amount,uint48 expiration,uint48 nonce)`

export const FUNCTIONS = `
transfer(address to,uint256 amount)
transferFrom(address from,address to,uint256 amount)
approve(address spender,uint256 amount)
allowance(address owner,address spender)
balanceOf(address owner)
totalSupply()
decimals()
symbol()
name()
owner()
mint(address to,uint256 amount)
burn(uint256 amount)
burnFrom(address from,uint256 amount)
permit(address owner,address spender,uint256 value,uint256 deadline,uint8 v,bytes32 r,bytes32 s)
ownerOf(uint256 tokenId)
tokenURI(uint256 tokenId)
safeTransferFrom(address from,address to,uint256 tokenId)
safeTransferFrom(address from,address to,uint256 tokenId,bytes data)
safeTransferFrom(address from,address to,uint256 id,uint256 value,bytes data)
safeBatchTransferFrom(address from,address to,uint256[] ids,uint256[] values,bytes data)
setApprovalForAll(address operator,bool approved)
isApprovedForAll(address owner,address operator)
getApproved(uint256 tokenId)
onERC721Received(address operator,address from,uint256 tokenId,bytes data)
supportsInterface(bytes4 interfaceId)
deposit()
withdraw(uint256 amount)
deposit(uint256 assets,address receiver)
redeem(uint256 shares,address receiver,address owner)
transferOwnership(address newOwner)
renounceOwnership()
grantRole(bytes32 role,address account)
upgradeToAndCall(address implementation,bytes data)
multicall(bytes[] data)
aggregate((address target,bytes callData)[] calls)
aggregate3((address target,bool allowFailure,bytes callData)[] calls)
aggregate3Value((address target,bool allowFailure,uint256 value,bytes callData)[] calls)
tryAggregate(bool requireSuccess,(address target,bytes callData)[] calls)
createPair(address tokenA,address tokenB)
getPair(address tokenA,address tokenB)
getReserves()
token0()
token1()
sync()
skim(address to)
mint(address to)
burn(address to)
swap(uint256 amount0Out,uint256 amount1Out,address to,bytes data)
addLiquidity(address tokenA,address tokenB,uint256 amountADesired,uint256 amountBDesired,uint256 amountAMin,uint256 amountBMin,address to,uint256 deadline)
addLiquidityETH(address token,uint256 amountTokenDesired,uint256 amountTokenMin,uint256 amountETHMin,address to,uint256 deadline)
removeLiquidity(address tokenA,address tokenB,uint256 liquidity,uint256 amountAMin,uint256 amountBMin,address to,uint256 deadline)
swapExactTokensForTokens(uint256 amountIn,uint256 amountOutMin,address[] path,address to,uint256 deadline)
swapTokensForExactTokens(uint256 amountOut,uint256 amountInMax,address[] path,address to,uint256 deadline)
swapExactETHForTokens(uint256 amountOutMin,address[] path,address to,uint256 deadline)
swapExactTokensForETH(uint256 amountIn,uint256 amountOutMin,address[] path,address to,uint256 deadline)
createPool(address tokenA,address tokenB,uint24 fee)
initialize(uint160 sqrtPriceX96)
slot0()
mint(address recipient,int24 tickLower,int24 tickUpper,uint128 amount,bytes data)
swap(address recipient,bool zeroForOne,int256 amountSpecified,uint160 sqrtPriceLimitX96,bytes data)
uniswapV3SwapCallback(int256 amount0Delta,int256 amount1Delta,bytes data)
uniswapV3MintCallback(uint256 amount0Owed,uint256 amount1Owed,bytes data)
exactInputSingle((address tokenIn,address tokenOut,uint24 fee,address recipient,uint256 deadline,uint256 amountIn,uint256 amountOutMinimum,uint160 sqrtPriceLimitX96) params)
exactInput((bytes path,address recipient,uint256 deadline,uint256 amountIn,uint256 amountOutMinimum) params)
execute(bytes commands,bytes[] inputs,uint256 deadline)
delegate(address delegatee)
propose(address[] targets,uint256[] values,bytes[] calldatas,string description)
castVote(uint256 proposalId,uint8 support)
execute(address[] targets,uint256[] values,bytes[] calldatas,bytes32 descriptionHash)
execute(address target,uint256 value,bytes data)
handleOps((address sender,uint256 nonce,bytes initCode,bytes callData,bytes32 accountGasLimits,uint256 preVerificationGas,bytes32 gasFees,bytes paymasterAndData,bytes signature)[] ops,address beneficiary)`

export const ERRORS = `
Error(string message)
Panic(uint256 code)
ERC20InsufficientBalance(address sender,uint256 balance,uint256 needed)
ERC20InsufficientAllowance(address spender,uint256 allowance,uint256 needed)
ERC20InvalidSender(address sender)
ERC20InvalidReceiver(address receiver)
ERC20InvalidApprover(address approver)
ERC20InvalidSpender(address spender)
ERC721NonexistentToken(uint256 tokenId)
ERC721IncorrectOwner(address sender,uint256 tokenId,address owner)
ERC721InsufficientApproval(address operator,uint256 tokenId)
ERC721InvalidReceiver(address receiver)
OwnableUnauthorizedAccount(address account)
OwnableInvalidOwner(address owner)
AccessControlUnauthorizedAccount(address account,bytes32 neededRole)
EnforcedPause()
ExpectedPause()
InvalidInitialization()
NotInitializing()
ReentrancyGuardReentrantCall()
SafeERC20FailedOperation(address token)
FailedCall()
InsufficientBalance(uint256 balance,uint256 needed)
ERC2612ExpiredSignature(uint256 deadline)
ERC2612InvalidSigner(address signer,address owner)
FailedOp(uint256 opIndex,string reason)`

// What Solidity's Panic codes mean.
export const PANICS = { 0: 'generic', 1: 'assertion failed', 17: 'arithmetic overflow or underflow',
  18: 'division by zero', 33: 'value is not of the enum', 34: 'storage byte array is malformed',
  49: 'pop of an empty array', 50: 'index out of bounds', 65: 'too much memory',
  81: 'call of an uninitialised function' }

// Accounts that are at the same address everywhere.
export const NAMES = {
  '0xdeaddeaddeaddeaddeaddeaddeaddeaddead0000': 'METIS',
  '0x420000000000000000000000000000000000000f': 'Gas price oracle',
  '0x4200000000000000000000000000000000000011': 'Sequencer fee vault',
  '0x4200000000000000000000000000000000000013': 'L1 block number',
  '0x000f3df6d732807ef1319fb7b8bb8522d0beac02': 'Beacon roots',
  '0x0000f90827f1c53a10cb7a02335b175320002935': 'Block hashes',
  '0x4e59b44847b379578588920ca78fbf26c0b4956c': 'CREATE2 deployer',
  '0xca11bde05977b3631167028862be2a173976ca11': 'Multicall3',
  '0x000000000022d473030f116ddee9f6b43ac78ba3': 'Permit2',
  '0x4337084d9e255ff0702461cf8895ce9e3b5ff108': 'EntryPoint v0.8',
}
const PRECOMPILES = ['ecrecover', 'sha256', 'ripemd160', 'identity', 'modexp', 'bn254 add', 'bn254 mul',
  'bn254 pairing', 'blake2f', 'KZG point', 'BLS G1 add', 'BLS G1 msm', 'BLS G2 add', 'BLS G2 msm',
  'BLS pairing', 'BLS map to G1', 'BLS map to G2']
PRECOMPILES.forEach((name, i) => {
  NAMES[`0x${(i + 1).toString(16).padStart(40, '0')}`] = name
})
NAMES[`0x${(0x100).toString(16).padStart(40, '0')}`] = 'P-256 verify'
