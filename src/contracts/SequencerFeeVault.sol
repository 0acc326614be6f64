// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// Where the base fee goes (the rule "baseFeeVault"), and the coinbase of the Metis
/// networks, so that it collects priority fees too. The balance grows without any call to
/// this contract. Anyone may push it out; only the owner says where to.
contract SequencerFeeVault {
    address public owner; // slot 0
    address public recipient; // slot 1

    /// The sum of all withdrawals.
    uint256 public totalProcessed; // slot 2

    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);
    event RecipientUpdated(address indexed recipient);
    event Withdrawal(uint256 value, address indexed to, address indexed from);

    error NotOwner(address caller);
    error NoRecipient();
    error TransferFailed(address recipient, uint256 value);

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    receive() external payable {}

    function transferOwnership(address newOwner) external onlyOwner {
        emit OwnershipTransferred(owner, newOwner);
        owner = newOwner;
    }

    function setRecipient(address newRecipient) external onlyOwner {
        recipient = newRecipient;
        emit RecipientUpdated(newRecipient);
    }

    /// Sends everything to the recipient.
    function withdraw() external {
        address to = recipient;
        if (to == address(0)) revert NoRecipient();
        uint256 value = address(this).balance;
        totalProcessed += value;
        emit Withdrawal(value, to, msg.sender);
        (bool ok, ) = to.call{value: value}("");
        if (!ok) revert TransferFailed(to, value);
    }
}
