// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Coin, Shop} from "../src/Shop.sol";
import {vm} from "../src/Vm.sol";

/// Two contracts and three calls.
contract Deploy {
    function run() external {
        vm.startBroadcast();
        Coin coin = new Coin(1000 ether);
        Shop shop = new Shop(coin);
        coin.approve(address(shop), 100 ether);
        shop.pay(7 ether);
        coin.transfer(address(0xdead), 1 ether);
        vm.stopBroadcast();
        require(shop.paid(msg.sender) == 7 ether, "not paid");
    }
}
