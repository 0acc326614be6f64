// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// Prices of Layer 1, which the node reads straight from these slots when the rule
/// "l1Fee" of the network is on:
///
///   l1Gas = 4 * zeros + 16 * (nonzeros + 68) + overhead
///   l1Fee = ceil(l1Gas * l1BaseFee * scalar / 10^decimals)
///
/// The bytes are those of the whole signed encoding; of a legacy transaction those of the
/// unsigned form with three empty signature fields, which are cut off at its end.
/// The fee is charged as extra gas: ceil(l1Fee / effective gas price).
/// The order of the variables is the interface: slots 0 to 6.
contract GasPriceOracle {
    address public owner; // slot 0
    uint256 public gasPrice; // slot 1
    uint256 public l1BaseFee; // slot 2
    uint256 public overhead; // slot 3
    uint256 public scalar; // slot 4
    uint256 public decimals; // slot 5
    uint256 public minErc20BridgeCost; // slot 6

    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);
    event GasPriceUpdated(uint256 value);
    event L1BaseFeeUpdated(uint256 value);
    event OverheadUpdated(uint256 value);
    event ScalarUpdated(uint256 value);
    event DecimalsUpdated(uint256 value);
    event MinErc20BridgeCostUpdated(uint256 value);

    error NotOwner(address caller);
    error DecimalsTooLarge(uint256 value);

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    function transferOwnership(address newOwner) external onlyOwner {
        emit OwnershipTransferred(owner, newOwner);
        owner = newOwner;
    }

    function setGasPrice(uint256 value) external onlyOwner {
        gasPrice = value;
        emit GasPriceUpdated(value);
    }

    function setL1BaseFee(uint256 value) external onlyOwner {
        l1BaseFee = value;
        emit L1BaseFeeUpdated(value);
    }

    function setOverhead(uint256 value) external onlyOwner {
        overhead = value;
        emit OverheadUpdated(value);
    }

    function setScalar(uint256 value) external onlyOwner {
        scalar = value;
        emit ScalarUpdated(value);
    }

    /// 10^77 is the largest power of ten in 256 bits.
    function setDecimals(uint256 value) external onlyOwner {
        if (value > 77) revert DecimalsTooLarge(value);
        decimals = value;
        emit DecimalsUpdated(value);
    }

    function setMinErc20BridgeCost(uint256 value) external onlyOwner {
        minErc20BridgeCost = value;
        emit MinErc20BridgeCostUpdated(value);
    }

    /// The fee of a transaction of which data is paid for.
    function getL1Fee(bytes memory data) external view returns (uint256) {
        uint256 product = getL1GasUsed(data) * l1BaseFee * scalar;
        uint256 divisor = 10**decimals;
        return product / divisor + (product % divisor == 0 ? 0 : 1);
    }

    function getL1GasUsed(bytes memory data) public view returns (uint256) {
        uint256 total = 16 * 68 + overhead;
        for (uint256 i = 0; i < data.length; i++) {
            total += data[i] == 0 ? 4 : 16;
        }
        return total;
    }
}
