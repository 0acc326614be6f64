// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Coin, Shop} from "../src/Shop.sol";
import {vm} from "../src/Vm.sol";

/// On a fork of the node: what was deployed there, used further here.
contract ForkTest {
    Shop shop;
    address payer;

    function setUp() external {
        shop = Shop(vm.envAddress("SHOP"));
        payer = vm.envAddress("PAYER");
    }

    function test_where() external view {
        require(block.chainid == vm.envUint("CHAIN_ID"), "chain id");
        require(block.number == vm.envUint("HEAD"), "head");
    }

    function test_state() external view {
        require(shop.paid(payer) == 7 ether, "paid");
        require(shop.coin().balanceOf(address(shop)) == 7 ether, "balance");
        require(payer.balance > 9000 ether, "native balance");
        require(address(0x4e59b44847b379578588920cA78FbF26c0B4956C).code.length == 69, "code");
    }

    function test_further() external {
        vm.prank(payer);
        shop.pay(3 ether);
        require(shop.paid(payer) == 10 ether, "paid");
        vm.prank(payer);
        vm.expectRevert();
        shop.pay(1000 ether);
    }

    function test_earlier() external {
        address coin = address(shop.coin());
        vm.rollFork(vm.envUint("BEFORE"));
        require(address(shop).code.length == 0 && coin.code.length == 0, "not yet deployed");
        require(payer.balance == vm.envUint("BALANCE_BEFORE"), "balance");
    }
}
