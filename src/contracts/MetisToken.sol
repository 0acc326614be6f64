// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// METIS as an ERC-20.
///
/// METIS is the native coin: an account's balance is kept by the state itself, and this
/// contract holds no balances of its own. It shows the native balance under the ERC-20
/// interface and moves it through a stateful precompile, which obeys this address only.
/// A plain value transfer is therefore visible in balanceOf at once, but it emits no
/// Transfer event: events are emitted for transfers made through this contract. The
/// recipient's code does not run.
contract MetisToken {
    /// Input abi.encode(from, to, amount), 96 bytes without a selector. Moves native
    /// value; fails without output when from has less than amount.
    address private constant NATIVE_TRANSFER =
        0x0000000000000000000000000000000000001088;

    string public constant name = "Metis Token";
    string public constant symbol = "METIS";
    uint8 public constant decimals = 18;

    mapping(address => mapping(address => uint256)) private _allowances; // slot 0

    /// The sum of the native balances in the genesis, written there (slot 1). Fees are
    /// paid on, not burnt, so it stays exact while nothing destroys coins (SELFDESTRUCT
    /// to oneself in the transaction of creation) or creates them (a devnet's setBalance).
    uint256 public totalSupply; // slot 1

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    // ERC-6093
    error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
    error ERC20InvalidReceiver(address receiver);
    error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
    error ERC20InvalidSpender(address spender);

    function balanceOf(address account) external view returns (uint256) {
        return account.balance;
    }

    function allowance(address owner, address spender) external view returns (uint256) {
        return _allowances[owner][spender];
    }

    function approve(address spender, uint256 value) external returns (bool) {
        if (spender == address(0)) revert ERC20InvalidSpender(spender);
        _allowances[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        _move(msg.sender, to, value);
        return true;
    }

    /// The largest uint256 as allowance means without limit and is not decreased.
    function transferFrom(address from, address to, uint256 value)
        external
        returns (bool)
    {
        uint256 allowed = _allowances[from][msg.sender];
        if (allowed != type(uint256).max) {
            if (allowed < value) {
                revert ERC20InsufficientAllowance(msg.sender, allowed, value);
            }
            unchecked {
                _allowances[from][msg.sender] = allowed - value;
            }
        }
        _move(from, to, value);
        return true;
    }

    function _move(address from, address to, uint256 value) private {
        if (to == address(0)) revert ERC20InvalidReceiver(to);
        (bool ok, ) = NATIVE_TRANSFER.call(abi.encode(from, to, value));
        if (!ok) revert ERC20InsufficientBalance(from, from.balance, value);
        emit Transfer(from, to, value);
    }
}
