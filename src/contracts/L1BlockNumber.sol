// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// The number of the Layer 1 block that the current block knows of. Written by the account
/// that reports Layer 1 (the owner); zero until it has done so. Never goes back.
contract L1BlockNumber {
    address public owner; // slot 0
    uint256 private _number; // slot 1

    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);
    event L1BlockNumberUpdated(uint256 number);

    error NotOwner(address caller);
    error NumberWentBack(uint256 current, uint256 given);

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    function transferOwnership(address newOwner) external onlyOwner {
        emit OwnershipTransferred(owner, newOwner);
        owner = newOwner;
    }

    function setL1BlockNumber(uint256 number) external onlyOwner {
        if (number < _number) revert NumberWentBack(_number, number);
        _number = number;
        emit L1BlockNumberUpdated(number);
    }

    function getL1BlockNumber() external view returns (uint256) {
        return _number;
    }
}
