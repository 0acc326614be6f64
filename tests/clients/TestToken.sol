// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// The ERC-20 that the client tests deploy: OpenZeppelin's, plus ways to fail.
contract TestToken is ERC20 {
    error Refused(address caller, uint256 code);

    constructor(string memory name, uint256 supply) ERC20(name, "TST") {
        _mint(msg.sender, supply);
    }

    function failWithError(uint256 code) external view {
        revert Refused(msg.sender, code);
    }

    function failWithText() external pure {
        revert("no such luck");
    }

    function failWithPanic(uint256 x) external pure returns (uint256) {
        return 1 / x;
    }
}
