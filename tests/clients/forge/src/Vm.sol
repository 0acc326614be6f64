// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// The cheat codes that are used here.
interface Vm {
    function envAddress(string calldata name) external view returns (address);
    function envUint(string calldata name) external view returns (uint256);
    function startBroadcast() external;
    function stopBroadcast() external;
    function prank(address as_) external;
    function deal(address to, uint256 amount) external;
    function warp(uint256 time) external;
    function rollFork(uint256 number) external;
    function expectRevert() external;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
