// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// Holds coins until a time: what the helpers of a test network move about.
contract Lock {
    uint256 public immutable unlockTime;
    address payable public owner;
    uint256 public counter;

    event Withdrawal(uint256 amount, uint256 when);

    error TooEarly(uint256 now_, uint256 then_);

    constructor(uint256 unlockTime_) payable {
        require(block.timestamp < unlockTime_, "unlock time is in the past");
        unlockTime = unlockTime_;
        owner = payable(msg.sender);
    }

    function withdraw() external {
        if (block.timestamp < unlockTime) revert TooEarly(block.timestamp, unlockTime);
        require(msg.sender == owner, "not the owner");
        emit Withdrawal(address(this).balance, block.timestamp);
        owner.transfer(address(this).balance);
    }

    function count() external {
        counter++;
    }

    function surroundings() external view returns (uint256, uint256, uint256, uint256, address) {
        return (block.number, block.timestamp, block.prevrandao, block.basefee, block.coinbase);
    }
}
