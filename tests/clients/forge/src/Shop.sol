// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// What is paid with.
contract Coin is ERC20 {
    constructor(uint256 supply) ERC20("Coin", "COIN") {
        _mint(msg.sender, supply);
    }
}

/// Takes coins for nothing and remembers who paid.
contract Shop {
    Coin public immutable coin;
    mapping(address => uint256) public paid;

    event Paid(address indexed by, uint256 amount);

    constructor(Coin coin_) {
        coin = coin_;
    }

    function pay(uint256 amount) external {
        coin.transferFrom(msg.sender, address(this), amount);
        paid[msg.sender] += amount;
        emit Paid(msg.sender, amount);
    }
}
